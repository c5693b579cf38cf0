import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { captureFragment, forgetFragmentSecret } from "../lib/fragment-secret";
import { violations } from "../test/axe";
import { ada, serverOfAda, serverOfNobody, workspace, type FakeServer } from "../test/fake-server";
import { renderApp, type Scheme } from "../test/render-app";

const openapi = {
  openapi: "3.1.0",
  info: { title: "Coditect", version: "1" },
  paths: {
    "/api/v5/users/{id}": {
      get: {
        tags: ["users"],
        summary: "One user",
        security: [{ bearer: [] }],
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
        responses: { "200": { content: { "application/json": { schema: { $ref: "#/components/schemas/User" } } } } },
      },
    },
  },
  components: { schemas: { User: { type: "object", properties: { id: { type: "string" } } } } },
};

function full(): FakeServer {
  const server = serverOfAda([
    workspace("alpha", { usage: { cpu_ms: 1, cpu_millis: 100, memory_bytes: 2 ** 28, pids: 3, storage_bytes: 2 ** 30 } }),
    workspace("beta", { state: "failed", reason: "The host's disk is full." }),
    workspace("gamma", { state: "stopped", desired: "stopped" }),
    workspace("delta", { state: "deleting", desired: "deleted" }),
  ]);
  const session = { id: "ses_1", workspace_id: "ws_alpha", user_id: ada.id, created_at: 1, last_seen_at: 2, layout_version: 1, layout: {} };
  const entry = { seq: 1, at: 1, action: "login.success", actor: ada.id, details: {}, names: [], hash: "00" };
  const head = { log: "actions/ten_ada", first_seq: 1, last_seq: 1, last_hash: "00", at: 1, signature: "00" };
  const limits = { cpu_millis: 200, memory_bytes: 2 ** 29, storage_bytes: 2 ** 33, concurrent_sessions: 1, pids: 512, open_files: 65_536, terminals: 32, workspaces: 20, inodes: 2_000_000, network_kbit: 50_000, disk_bytes_per_second: 2 ** 27 };
  const tiers = [{ name: "free", limits, source: "changed" }];
  const invitation = { id: "inv_1", role: "member", created_at: 1, expires_at: 2 };
  return server
    .on("GET /sessions", { status: 200, body: { items: [session] } })
    .on("GET /invitations", { status: 200, body: { items: [invitation] } })
    .on("GET /users", { status: 200, body: { items: [ada, { ...ada, id: "usr_2", name: "Bob", disabled: true }] } })
    .on("GET /tiers", { status: 200, body: { items: tiers } })
    .on("GET /audit", { status: 200, body: { items: [entry], head, public_key: "00" } })
    .on("GET /openapi.json", { status: 200, body: openapi });
}

const PAGES: [path: string, heading: string, waitFor: RegExp, server: () => FakeServer][] = [
  ["/login", "Log in", /create an account/i, serverOfNobody],
  ["/register", "Create your account", /registered already/i, serverOfNobody],
  ["/setup", "Open the setup link", /one-time link/i, serverOfNobody],
  ["/", "Workspaces", /4 workspaces/, full],
  ["/", "Workspaces", /create your first workspace/i, () => serverOfAda()],
  ["/settings/profile", "Settings", /member since/i, full],
  ["/settings/password", "Settings", /present password/i, full],
  ["/settings/appearance", "Settings", /as the system/i, full],
  ["/settings/sessions", "Settings", /last used/i, full],
  ["/settings/invitations", "Settings", /whoever has the link/i, full],
  ["/admin/users", "Administration", /Bob/, full],
  ["/admin/workspaces", "Administration", /alpha/, full],
  ["/admin/plans", "Administration", /Set here/, full],
  ["/audit", "Audit log", /login\.success/, full],
  ["/docs", "Guide", /\/workspace/, full],
  ["/docs/api", "API reference", /One user/, full],
  ["/no/such/page", "There is nothing here", /mistyped/, full],
];

afterEach(() => vi.unstubAllGlobals());

describe.each(["light", "dark"] as Scheme[])("in the %s theme", (scheme) => {
  it.each(PAGES)("%s (%s, %s) shows itself and is accessible", async (path, heading, text, server) => {
    server().install();
    const { container } = renderApp(path, scheme);
    expect(await screen.findByRole("heading", { level: 1, name: heading })).toBeDefined();
    const main = await screen.findByRole("main");
    expect((await within(main).findAllByText(text)).length).toBeGreaterThan(0);
    expect(document.documentElement.getAttribute("data-mantine-color-scheme")).toBe(scheme);
    expect(await violations(container)).toEqual([]);
  });
});

describe("links with secrets", () => {
  beforeEach(() => {
    forgetFragmentSecret("token");
    forgetFragmentSecret("invitation");
  });
  afterEach(() => {
    forgetFragmentSecret("token");
    forgetFragmentSecret("invitation");
  });

  it("takes the setup token out of the address and registers the administrator with it", async () => {
    window.history.replaceState(null, "", "/setup#token=s3cret");
    captureFragment();
    expect(window.location.hash).toBe("");
    const server = serverOfNobody().install();
    server.on("POST /auth/register", () => {
      server.on("GET /auth/me", { status: 200, body: { user: ada, expires_at: 0 } });
      return { status: 201, body: { user: ada, expires_in_s: 600 } };
    });
    const app = renderApp("/setup");
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText("Name"), "Ada Lovelace");
    await user.type(screen.getByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "correct horse battery");
    await user.click(screen.getByRole("button", { name: "Create administrator" }));
    expect(await screen.findByText(/create your first workspace/i)).toBeDefined();
    expect(app.where()).toBe("/");
    expect(server.callsOf("POST /auth/register")[0]?.body).toMatchObject({ setup_token: "s3cret", delivery: "cookie" });
  });

  it("lets who is logged in claim the administration", async () => {
    window.history.replaceState(null, "", "/setup#token=s3cret");
    captureFragment();
    const server = full().on("POST /auth/claim-admin", { status: 204 }).install();
    const app = renderApp("/setup");
    await userEvent.setup().click(await screen.findByRole("button", { name: "Become the administrator" }));
    await vi.waitFor(() => expect(app.where()).toBe("/admin/users"));
    expect(server.callsOf("POST /auth/claim-admin")[0]?.body).toEqual({ setup_token: "s3cret" });
  });

  it("registers by invitation", async () => {
    window.history.replaceState(null, "", "/register#invitation=inv-code");
    captureFragment();
    const server = serverOfNobody().on("POST /auth/register", { status: 201, body: { user: ada, expires_in_s: 1 } });
    server.install();
    renderApp("/register");
    const user = userEvent.setup();
    await screen.findByRole("heading", { name: "Join by invitation" });
    await user.type(screen.getByLabelText("Name"), "Grace");
    await user.type(screen.getByLabelText("E-mail"), "grace@example.com");
    await user.type(screen.getByLabelText("Password"), "correct horse battery");
    await user.click(screen.getByRole("button", { name: "Join" }));
    await vi.waitFor(() => expect(server.callsOf("POST /auth/register")).toHaveLength(1));
    expect(server.callsOf("POST /auth/register")[0]?.body).toMatchObject({ invitation: "inv-code" });
  });
});
