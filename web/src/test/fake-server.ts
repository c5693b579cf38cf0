import { vi } from "vitest";
import type { ErrorKind, User, Workspace } from "../api/types";

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

export interface Answer {
  status: number;
  body?: unknown;
}

type Handler = (call: Call) => Answer | Promise<Answer>;

/** A server in the test's own memory: routes are `METHOD /path`, what is not listed answers 404. */
export class FakeServer {
  readonly calls: Call[] = [];
  private readonly routes = new Map<string, Handler>();

  on(route: string, handler: Handler | Answer): this {
    this.routes.set(route, typeof handler === "function" ? handler : () => handler);
    return this;
  }

  callsOf(route: string): Call[] {
    return this.calls.filter((call) => `${call.method} ${call.path}` === route);
  }

  install(): this {
    vi.stubGlobal("fetch", (input: string, init: RequestInit = {}) => this.answer(input, init));
    return this;
  }

  private async answer(input: string, init: RequestInit): Promise<Response> {
    const url = new URL(input, "http://coditect.test");
    const call: Call = {
      method: init.method ?? "GET",
      path: url.pathname.replace(/^\/api\/v5/, ""),
      query: url.searchParams,
      body: typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : undefined,
    };
    this.calls.push(call);
    const handler = this.routes.get(`${call.method} ${call.path}`);
    const { status, body } = handler ? await handler(call) : refusal(404, "not_found", "There is nothing here.");
    return new Response(body === undefined ? null : JSON.stringify(body), { status });
  }
}

export function refusal(status: number, kind: ErrorKind, message: string, details?: Record<string, unknown>): Answer {
  return { status, body: { error: { kind, message, request_id: "req_test", details } } };
}

export const ada: User = {
  id: "usr_ada",
  tenant_id: "ten_ada",
  email: "ada@example.com",
  name: "Ada Lovelace",
  tier: "pro",
  role: "owner",
  admin: true,
  disabled: false,
  created_at: 1_700_000_000_000,
  last_login_at: 1_700_000_100_000,
};

export function workspace(id: string, change: Partial<Workspace> = {}): Workspace {
  return {
    id: `ws_${id}`,
    label: id,
    name: id,
    owner_id: ada.id,
    desired: "running",
    state: "running",
    created_at: 1_700_000_000_000,
    tier: "pro",
    limits: { cpu_millis: 1000, memory_bytes: 2 ** 31, storage_bytes: 100 * 2 ** 30, pids: 512 },
    ...change,
  };
}

/** A server where Ada is logged in and has what is passed. */
export function serverOfAda(workspaces: Workspace[] = []): FakeServer {
  return new FakeServer()
    .on("GET /health", { status: 200, body: { status: "ok", version: "0.1.0", uptime_s: 1 } })
    .on("GET /health/ready", { status: 200, body: { status: "ready", parts: { store: true } } })
    .on("GET /auth/me", { status: 200, body: { user: ada, expires_at: 0 } })
    .on("GET /workspaces", { status: 200, body: { items: workspaces } })
    .on("GET /sessions", { status: 200, body: { items: [] } });
}

/** A server that nobody is logged in to. */
export function serverOfNobody(): FakeServer {
  const nobody = refusal(401, "unauthenticated", "Log in first.");
  return serverOfAda().on("GET /auth/me", nobody).on("POST /auth/refresh", nobody);
}
