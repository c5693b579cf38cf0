import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { refusal, serverOfAda, workspace } from "../../test/fake-server";
import { renderApp } from "../../test/render-app";
import { byLastUse } from "./workspace-grid";

afterEach(() => vi.unstubAllGlobals());

const card = (name: string): Promise<HTMLElement> => screen.findByRole("article", { name });

describe("the list", () => {
  it("shows what was used last first", () => {
    const [a, b, c] = [workspace("a"), workspace("b"), workspace("c", { created_at: 1 })];
    const used = new Map([["ws_b", 1_800_000_000_000]]);
    expect(byLastUse([c, a, b], used).map((w) => w.name)).toEqual(["b", "a", "c"]);
  });

  it("tells use against the limits, and the reason of a failure", async () => {
    serverOfAda([
      workspace("alpha", { usage: { cpu_ms: 9, cpu_millis: 250, memory_bytes: 2 ** 30, pids: 4, storage_bytes: 2 ** 33 } }),
      workspace("beta", { state: "failed", reason: "The disk of the host is full." }),
    ]).install();
    renderApp("/");
    const meter = within(await card("alpha")).getByRole("meter", { name: "Memory" });
    expect(meter.getAttribute("aria-valuenow")).toBe("50");
    expect(meter.getAttribute("aria-valuetext")).toBe("1 GiB / 2 GiB");
    expect(within(await card("beta")).getByText("The disk of the host is full.")).toBeDefined();
  });

  it("says that it cannot be loaded, and loads when asked again", async () => {
    const server = serverOfAda().on("GET /workspaces", refusal(500, "internal", "A defect.")).install();
    renderApp("/");
    await screen.findByText("Your workspaces cannot be shown now");
    server.on("GET /workspaces", { status: 200, body: { items: [workspace("alpha")] } });
    await userEvent.setup().click(screen.getByRole("button", { name: "Try again" }));
    await card("alpha");
  });
});

describe("a workspace", () => {
  it("is stopped and started", async () => {
    let state: "running" | "stopped" = "running";
    const server = serverOfAda()
      .on("GET /workspaces", () => ({ status: 200, body: { items: [workspace("alpha", { state })] } }))
      .on("POST /workspaces/ws_alpha/stop", () => {
        state = "stopped";
        return { status: 202, body: workspace("alpha", { state: "stopping" }) };
      })
      .on("POST /workspaces/ws_alpha/start", () => {
        state = "running";
        return { status: 202, body: workspace("alpha", { state: "starting" }) };
      })
      .install();
    renderApp("/");
    const user = userEvent.setup();
    await user.click(within(await card("alpha")).getByRole("button", { name: "Stop" }));
    await user.click(await within(await card("alpha")).findByRole("button", { name: "Start" }));
    await within(await card("alpha")).findByRole("button", { name: "Stop" });
    expect(server.callsOf("POST /workspaces/ws_alpha/stop")).toHaveLength(1);
    expect(server.callsOf("POST /workspaces/ws_alpha/start")).toHaveLength(1);
  });

  it("is renamed", async () => {
    let name = "alpha";
    const server = serverOfAda()
      .on("GET /workspaces", () => ({ status: 200, body: { items: [workspace("alpha", { name })] } }))
      .on("PATCH /workspaces/ws_alpha", ({ body }) => {
        name = (body as { name: string }).name;
        return { status: 200, body: workspace("alpha", { name }) };
      })
      .install();
    renderApp("/");
    const user = userEvent.setup();
    await user.click(within(await card("alpha")).getByRole("button", { name: "More for alpha" }));
    await user.click(await screen.findByRole("menuitem", { name: "Rename…" }));
    const field = await screen.findByRole("textbox", { name: "Name" });
    await user.clear(field);
    await user.type(field, "omega");
    await user.click(screen.getByRole("button", { name: "Rename" }));
    await card("omega");
    expect(server.callsOf("PATCH /workspaces/ws_alpha")[0]?.body).toEqual({ name: "omega" });
  });

  it("is deleted only after its name was typed", async () => {
    const server = serverOfAda([workspace("alpha")])
      .on("DELETE /workspaces/ws_alpha", () => {
        server.on("GET /workspaces", { status: 200, body: { items: [] } });
        return { status: 202 };
      })
      .install();
    renderApp("/");
    const user = userEvent.setup();
    await user.click(within(await card("alpha")).getByRole("button", { name: "More for alpha" }));
    await user.click(await screen.findByRole("menuitem", { name: "Delete…" }));
    const dialog = await screen.findByRole("dialog", { name: "Delete workspace" });
    const confirm = within(dialog).getByRole<HTMLButtonElement>("button", { name: "Delete for good" });
    expect(confirm.disabled).toBe(true);
    await user.type(within(dialog).getByRole("textbox"), "alph");
    expect(confirm.disabled).toBe(true);
    await user.type(within(dialog).getByRole("textbox"), "a");
    await user.click(confirm);
    await screen.findByTestId("first-workspace");
    expect(server.callsOf("DELETE /workspaces/ws_alpha")).toHaveLength(1);
  });

  it("is created, with the server's refusal beside the name", async () => {
    const server = serverOfAda([workspace("alpha")])
      .on("POST /workspaces", refusal(409, "limit_exceeded", "Your plan allows 1 workspace."))
      .install();
    renderApp("/");
    await card("alpha");
    const user = userEvent.setup();
    await user.click(screen.getByRole("button", { name: "New workspace" }));
    await user.type(await screen.findByRole("textbox", { name: "Name" }), "beta");
    await user.click(screen.getByRole("checkbox", { name: /start and open/i }));
    await user.click(screen.getByRole("button", { name: "Create" }));
    await screen.findByText("Your plan allows 1 workspace.");
    server.on("POST /workspaces", { status: 201, body: workspace("beta", { state: "stopped" }) });
    await user.click(screen.getByRole("button", { name: "Create" }));
    await card("beta");
    expect(server.callsOf("POST /workspaces").at(-1)?.body).toEqual({ name: "beta", start: false });
  });
});
