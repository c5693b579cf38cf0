import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeServer, refusal } from "../test/fake-server";
import { api, apiUrl, onLoginEnded } from "./client";
import { ApiError } from "./errors";

const EXPIRED = refusal(401, "unauthenticated", "The login has expired.");
const OK = { status: 200, body: { items: [] } };

let server: FakeServer;
beforeEach(() => {
  localStorage.clear();
  server = new FakeServer().install();
});
afterEach(() => vi.unstubAllGlobals());

/** `/workspaces` answers 401 until the login was renewed. */
function expiring(): FakeServer {
  let fresh = false;
  return server
    .on("GET /workspaces", () => (fresh ? OK : EXPIRED))
    .on("POST /auth/refresh", () => {
      fresh = true;
      return { status: 200, body: {} };
    });
}

it("renews an expired login once for any number of requests, and repeats them", async () => {
  expiring();
  const answers = await Promise.all([1, 2, 3].map(() => api.get("/workspaces")));
  expect(answers).toEqual([OK.body, OK.body, OK.body]);
  expect(server.callsOf("POST /auth/refresh")).toHaveLength(1);
  expect(server.callsOf("POST /auth/refresh")[0]?.body).toEqual({});
});

it("does not renew again when another tab has just done so", async () => {
  let calls = 0;
  server.on("GET /workspaces", () => {
    calls += 1;
    if (calls > 1) return OK;
    localStorage.setItem("coditect.refreshed-at", String(Date.now() + 1000));
    return EXPIRED;
  });
  await api.get("/workspaces");
  expect(server.callsOf("POST /auth/refresh")).toHaveLength(0);
});

it("tells when the login is over, and repeats nothing", async () => {
  server.on("GET /workspaces", EXPIRED).on("POST /auth/refresh", EXPIRED);
  const ended = vi.fn();
  const off = onLoginEnded(ended);
  await expect(api.get("/workspaces")).rejects.toMatchObject({ status: 401, kind: "unauthenticated" });
  off();
  expect(ended).toHaveBeenCalledTimes(1);
  expect(server.callsOf("GET /workspaces")).toHaveLength(1);
});

it("does not take a lost connection for the end of the login", async () => {
  server.on("GET /workspaces", EXPIRED).on("POST /auth/refresh", () => Promise.reject(new TypeError("failed")));
  const ended = vi.fn();
  const off = onLoginEnded(ended);
  await expect(api.get("/workspaces")).rejects.toMatchObject({ status: 0, kind: "network" });
  off();
  expect(ended).not.toHaveBeenCalled();
});

it("gives the server's words, kind, field and request id", async () => {
  server.on("POST /users", refusal(422, "invalid_value", "the name is empty", { field: "name", retry_after_s: 3 }));
  const error: unknown = await api.post("/users", {}).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ message: "The name is empty.", field: "name", requestId: "req_test", retryAfterS: 3 });
});

it("makes words for answers that are not ours", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("<html>bad gateway</html>", { status: 502 })));
  await expect(api.get("/x")).rejects.toMatchObject({ kind: "unavailable", status: 502 });
});

it("writes only the query parameters that are there", () => {
  expect(apiUrl("/users", { all: true, after: undefined, q: "a&b" })).toBe("/api/v5/users?all=true&q=a%26b");
});
