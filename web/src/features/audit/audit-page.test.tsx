import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { AuditEntry, AuditHead } from "../../api/types";
import { refusal, serverOfAda, type FakeServer } from "../../test/fake-server";
import { renderApp } from "../../test/render-app";
import { about, dayToMs } from "./describe";

const entry: AuditEntry = {
  seq: 7,
  at: 1_790_000_000_000,
  action: "login.failed",
  actor: "anonymous",
  address: "192.0.2.7",
  subject: "usr_bob",
  details: { failures: "2" },
  names: [],
  hash: "00",
};
const burst: AuditEntry = {
  ...entry,
  seq: 8,
  action: "file.created",
  actor: "workspace",
  subject: "/workspace/target",
  details: { count: "1000", source: "terminal" },
  names: ["a.o", "b.o"],
};
const head: AuditHead = { log: "actions/ten_ada", first_seq: 1, last_seq: 8, last_hash: "00", at: entry.at, signature: "00" };
let server: FakeServer;

beforeEach(() => {
  server = serverOfAda()
    .on("GET /users", { status: 200, body: { items: [] } })
    .on("GET /audit", ({ query }) => {
      const items = query.get("action") === "grant" ? [] : query.get("before") ? [entry] : [burst];
      const next = query.get("before") || items.length === 0 ? undefined : 8;
      return { status: 200, body: { items, next, head, public_key: "00" } };
    })
    .install();
});
afterEach(() => vi.unstubAllGlobals());

it("says what an entry is about", () => {
  delete entry.workspace;
  expect(about(entry)).toBe("usr_bob · from 192.0.2.7 · failures: 2");
  expect(about(burst)).toBe("1000× · /workspace/target · (a.o, b.o, …) · from 192.0.2.7 · source: terminal");
  expect(dayToMs("2026-02-30x", false)).toBeUndefined();
  expect((dayToMs("2026-02-03", true) ?? 0) - (dayToMs("2026-02-03", false) ?? 0)).toBe(86_399_999);
});

it("shows the log, older entries when asked, and where it is signed to", async () => {
  renderApp("/audit");
  await screen.findByText("file.created");
  await screen.findByText(/Signed up to entry 8/);
  await userEvent.setup().click(screen.getByRole("button", { name: "Show older" }));
  await screen.findByText("login.failed");
  expect(screen.getByRole("link", { name: "Export" }).getAttribute("href")).toBe("/api/v5/audit/export?log=actions");
});

it("filters by what the address says, and says when nothing fits", async () => {
  renderApp("/audit?log=files&action=grant&actor=usr_half");
  await screen.findByText("No entry fits these filters.");
  const query = server.callsOf("GET /audit")[0]?.query;
  expect([query?.get("log"), query?.get("action"), query?.get("actor")]).toEqual(["files", "grant", null]);
});

it("verifies when asked, and names what is wrong", async () => {
  const verdict = { at: 0, checked: 8, last_seq: 8, problem_count: 0, problems: [] as string[], intact: true };
  server.on("GET /audit/verification", { status: 200, body: verdict });
  renderApp("/audit");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Verify" }));
  await screen.findByText(/8 entries up to 8 are intact/);
  const broken = { ...verdict, intact: false, problem_count: 1, problems: ["entry 3 was altered"] };
  server.on("GET /audit/verification", { status: 200, body: broken });
  await user.click(screen.getByRole("button", { name: "Verify" }));
  await screen.findByText("entry 3 was altered");
});

it("says why a member does not see it", async () => {
  server.on("GET /audit", refusal(403, "forbidden", "only owners of the tenant may do that"));
  renderApp("/audit");
  await screen.findByText("Only owners of the tenant may do that.");
});
