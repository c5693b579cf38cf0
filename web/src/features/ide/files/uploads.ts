/**
 * Uploads: a queue with progress, a few at a time, each of which can be cancelled.
 *
 * Invariants: a file on the other side is replaced only after the user said so; memory does not grow with file size.
 */
import { createStore } from "zustand/vanilla";
import { type AgentClient, withQuery } from "../../../api/agent-client";
import { errorFrom, messageOf, networkError } from "../../../api/errors";
import { encodeName, parentOf } from "../paths";

const AT_ONCE = 3;
/** Most files of one drop. */
export const UPLOAD_MAX_FILES = 20_000;

export interface UploadSource {
  /** Path below the target directory, as the browser gave it. */
  relative: string;
  file: File;
}

export interface Upload {
  id: number;
  path: string;
  size: number;
  sent: number;
  state: "waiting" | "sending" | "done" | "exists" | "failed" | "cancelled";
  error: string | null;
}

interface Job {
  file: File;
  overwrite: boolean;
  cancel: (() => void) | null;
}

export class Uploads {
  readonly store = createStore<{ uploads: readonly Upload[] }>(() => ({ uploads: [] }));
  readonly #jobs = new Map<number, Job>();
  #ids = 0;
  #running = 0;
  #disposed = false;

  constructor(
    private readonly client: AgentClient,
    private readonly arrived: (directory: string) => void,
  ) {}

  add(directory: string, sources: readonly UploadSource[]): void {
    const uploads = sources.slice(0, UPLOAD_MAX_FILES).map(({ relative, file }): Upload => {
      const id = ++this.#ids;
      const path = `${directory}/${relative.split("/").map(encodeName).join("/")}`;
      this.#jobs.set(id, { file, overwrite: false, cancel: null });
      return { id, path, size: file.size, sent: 0, state: "waiting", error: null };
    });
    this.store.setState((state) => ({ uploads: [...state.uploads, ...uploads] }));
    this.#pump();
  }

  /** The user wants the files there replaced. */
  overwriteExisting(): void {
    for (const { id, state } of this.store.getState().uploads) {
      const job = this.#jobs.get(id);
      if (state !== "exists" || !job) continue;
      job.overwrite = true;
      this.#set(id, { state: "waiting", sent: 0, error: null });
    }
    this.#pump();
  }

  cancel(id: number): void {
    this.#set(id, { state: "cancelled" });
    this.#jobs.get(id)?.cancel?.();
    this.#jobs.delete(id);
  }

  cancelAll(): void {
    for (const { id, state } of this.store.getState().uploads) {
      if (state === "waiting" || state === "sending") this.cancel(id);
    }
  }

  /** Forgets what is finished, one way or the other. */
  clear(): void {
    this.store.setState(({ uploads }) => ({
      uploads: uploads.filter(({ state }) => state === "waiting" || state === "sending"),
    }));
  }

  dispose(): void {
    this.#disposed = true;
    this.cancelAll();
  }

  #pump(): void {
    while (this.#running < AT_ONCE && !this.#disposed) {
      const next = this.store.getState().uploads.find(({ state }) => state === "waiting");
      const job = next && this.#jobs.get(next.id);
      if (!next || !job) return;
      this.#running += 1;
      this.#set(next.id, { state: "sending" });
      void this.#send(next, job).finally(() => {
        this.#running -= 1;
        this.#pump();
      });
    }
  }

  async #send(upload: Upload, job: Job): Promise<void> {
    try {
      const { path, grant } = await this.client.access();
      const query = withQuery("/v1/files/upload", { path: upload.path, overwrite: job.overwrite || undefined });
      const status = await this.#put(path + query, grant, upload.id, job);
      if (status.kind === "exists") return this.#set(upload.id, { state: "exists", error: "A file of this name is there." });
      this.#jobs.delete(upload.id);
      this.#set(upload.id, { state: "done", sent: upload.size });
      this.arrived(parentOf(upload.path));
    } catch (error) {
      if (this.#jobs.has(upload.id)) this.#set(upload.id, { state: "failed", error: messageOf(error) });
    }
  }

  /** XMLHttpRequest, because fetch tells no upload progress. */
  #put(url: string, grant: string, id: number, job: Job): Promise<{ kind: "done" | "exists" }> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("PUT", url);
      request.setRequestHeader("authorization", `Bearer ${grant}`);
      request.setRequestHeader("content-type", "application/octet-stream");
      job.cancel = () => request.abort();
      request.upload.onprogress = ({ loaded }) => this.#set(id, { sent: loaded });
      request.onabort = () => reject(new Error("Cancelled."));
      request.onerror = () => reject(networkError());
      request.onload = () => {
        if (request.status >= 200 && request.status < 300) return resolve({ kind: "done" });
        if (request.status === 409 && !job.overwrite) return resolve({ kind: "exists" });
        reject(errorFrom(request.status, bodyOf(request.responseText)));
      };
      request.send(job.file);
    });
  }

  #set(id: number, change: Partial<Upload>): void {
    this.store.setState(({ uploads }) => ({
      uploads: uploads.map((upload) =>
        upload.id === id && upload.state !== "cancelled" ? { ...upload, ...change } : upload,
      ),
    }));
  }
}

function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
