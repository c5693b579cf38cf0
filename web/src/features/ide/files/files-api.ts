/** The agent's file endpoints. Not here: what the page does with them. */
import type { AgentClient } from "../../../api/agent-client";
import { withQuery } from "../../../api/agent-client";
import { api } from "../../../api/client";
import type { Deleted, FileEntry, Listing, TicketUrl } from "../../../api/types";

export interface FileContent {
  bytes: Uint8Array<ArrayBuffer>;
  etag: string | null;
}

export class FilesApi {
  constructor(
    readonly client: AgentClient,
    private readonly workspaceId: string,
  ) {}

  list(path: string, after?: string, limit?: number, signal?: AbortSignal): Promise<Listing> {
    return this.client.json("GET", "/v1/files/list", { query: { path, after, limit }, ...(signal ? { signal } : {}) });
  }

  stat(path: string): Promise<FileEntry> {
    return this.client.json("GET", "/v1/files/stat", { query: { path } });
  }

  /** The whole file, or its first `firstBytes`. */
  async read(path: string, firstBytes?: number): Promise<FileContent> {
    const headers: Record<string, string> = firstBytes ? { range: `bytes=0-${firstBytes - 1}` } : {};
    const answer = await this.client.request("GET", "/v1/files/read", { query: { path }, headers });
    return { bytes: new Uint8Array(await answer.arrayBuffer()), etag: answer.headers.get("etag") };
  }

  /** Writes over the version `etag` names; null: makes a file that is not there. */
  write(path: string, body: Uint8Array<ArrayBuffer>, etag: string | null): Promise<FileEntry> {
    const headers: Record<string, string> = etag === null ? { "if-none-match": "*" } : { "if-match": etag };
    return this.client.json("PUT", "/v1/files/write", { query: { path }, body, headers });
  }

  create(path: string): Promise<unknown> {
    return this.client.json("POST", "/v1/files/create", { json: { path, parents: true } });
  }

  mkdir(path: string): Promise<unknown> {
    return this.client.json("POST", "/v1/files/mkdir", { json: { path, parents: true } });
  }

  move(from: string, to: string, overwrite = false): Promise<unknown> {
    return this.client.json("POST", "/v1/files/move", { json: { from, to, overwrite } });
  }

  copy(from: string, to: string): Promise<unknown> {
    return this.client.json("POST", "/v1/files/copy", { json: { from, to, overwrite: false } });
  }

  delete(path: string): Promise<Deleted> {
    return this.client.json("POST", "/v1/files/delete", { json: { path, permanently: false } });
  }

  restore(id: string): Promise<unknown> {
    return this.client.json("POST", "/v1/trash/restore", { json: { id } });
  }

  /** A one-time address that downloads a file, or a directory as an archive, from the workspace's own origin. */
  async downloadUrl(path: string, directory: boolean): Promise<string> {
    const target = directory
      ? withQuery("/v1/files/archive", { path, format: "tar.gz" })
      : withQuery("/v1/files/read", { path });
    const ticket = await api.post<TicketUrl>(`/workspaces/${this.workspaceId}/tickets`, { path: target });
    return ticket.url;
  }
}
