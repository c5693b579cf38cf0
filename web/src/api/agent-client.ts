/**
 * Talks to a workspace's agent through the router, with the short-lived grant of an open session.
 *
 * Invariants: the grant lives in memory only; at most one renewal runs at a time; a refused grant is renewed once.
 * Not here: what the endpoints mean (features).
 */
import { ApiError, errorFrom, networkError } from "./errors";
import type { Access } from "./types";

/** A grant this close to its end is renewed before it is used, in milliseconds. */
const RENEW_BEFORE_MS = 60_000;
/** Forced renewals are at least this far apart, in milliseconds. */
const FORCE_EVERY_MS = 3000;
/** What the router answers when the grant is over or names an older start of the workspace. */
const GRANT_REFUSED = new Set([401, 403, 421]);
const PROTOCOL = "coditect.v1";

export interface AgentRequest {
  query?: Record<string, string | number | boolean | undefined>;
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  keepalive?: boolean;
}

export class AgentClient {
  #access: Access;
  #renewing: Promise<Access> | null = null;
  #renewedAt = Date.now();

  constructor(
    access: Access,
    private readonly renew: () => Promise<Access>,
  ) {
    this.#access = access;
  }

  /** Takes the access of a session that was opened again. */
  replace(access: Access): void {
    this.#access = access;
    this.#renewedAt = Date.now();
  }

  /** Where a port of the workspace is reached. */
  portUrl(port: number): string {
    return `${this.#access.port_origin.replace("{port}", String(port))}/`;
  }

  /** Access with a grant that lives for a while yet; `force` asks for a new one even so. */
  async access(force = false): Promise<Access> {
    const forced = force && Date.now() - this.#renewedAt > FORCE_EVERY_MS;
    if (!forced && this.#access.grant_expires_at - Date.now() > RENEW_BEFORE_MS) return this.#access;
    this.#renewing ??= this.renew()
      .then((access) => {
        this.replace(access);
        return access;
      })
      .finally(() => {
        this.#renewing = null;
      });
    return this.#renewing;
  }

  /** Address and subprotocols of one of the agent's WebSockets. */
  async socket(
    path: string,
    query: Record<string, string | undefined>,
    force: boolean,
  ): Promise<{ url: string; protocols: string[] }> {
    const access = await this.access(force);
    const url = new URL(withQuery(access.path + path, query), window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return { url: url.href, protocols: [PROTOCOL, `grant.${access.grant}`] };
  }

  /** One request; throws `ApiError` for everything but success. */
  async request(method: string, path: string, options: AgentRequest = {}): Promise<Response> {
    let answer = await this.#send(method, path, options, false);
    if (GRANT_REFUSED.has(answer.status)) {
      const again = await this.#send(method, path, options, true);
      if (again.ok || answer.status === 401) answer = again;
    }
    if (answer.ok || answer.status === 304) return answer;
    throw errorFrom(answer.status, await answer.json().catch(() => undefined));
  }

  async json<T>(method: string, path: string, options: AgentRequest = {}): Promise<T> {
    const answer = await this.request(method, path, options);
    const text = await answer.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** The lines of a streamed answer, as they come. */
  async *lines<T>(path: string, options: AgentRequest): AsyncGenerator<T, void, undefined> {
    const answer = await this.request("GET", path, options);
    if (!answer.body) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
    let rest = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        const lines = (rest + (value ?? "")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line !== "") yield JSON.parse(line) as T;
        if (done) break;
      }
      if (rest !== "") yield JSON.parse(rest) as T;
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  async #send(method: string, path: string, options: AgentRequest, force: boolean): Promise<Response> {
    const access = await this.access(force);
    const headers: Record<string, string> = { ...options.headers, authorization: `Bearer ${access.grant}` };
    const init: RequestInit = { method, headers, credentials: "omit", cache: "no-store" };
    if (options.json !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(options.json);
    } else if (options.body !== undefined) {
      headers["content-type"] = "application/octet-stream";
      init.body = options.body;
    }
    if (options.signal) init.signal = options.signal;
    if (options.keepalive) init.keepalive = true;
    try {
      return await fetch(withQuery(access.path + path, options.query ?? {}), init);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      if (error instanceof ApiError) throw error;
      throw networkError();
    }
  }
}

/** `path` with its query; parameters that are undefined are left out. */
export function withQuery(path: string, query: Record<string, string | number | boolean | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value));
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}
