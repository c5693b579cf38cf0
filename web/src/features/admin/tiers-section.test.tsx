import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Limits, Tier, TierSource } from "../../api/types";
import { violations } from "../../test/axe";
import { refusal, serverOfAda, type FakeServer } from "../../test/fake-server";
import { renderApp } from "../../test/render-app";

const GIB = 2 ** 30;
const limits: Limits = {
  cpu_millis: 200,
  memory_bytes: GIB / 2,
  storage_bytes: 10 * GIB,
  concurrent_sessions: 1,
  pids: 512,
  open_files: 65_536,
  terminals: 32,
  workspaces: 20,
  inodes: 2_000_000,
  network_kbit: 50_000,
  disk_bytes_per_second: 200 * 2 ** 20,
};
const tier = (name: string, source: TierSource, change: Partial<Limits> = {}): Tier => ({ name, source, limits: { ...limits, ...change } });

let server: FakeServer;
let tiers: Tier[];

beforeEach(() => {
  tiers = [tier("free", "configuration"), tier("pro", "changed", { cpu_millis: 1500 }), tier("team", "added")];
  server = serverOfAda()
    .on("GET /tiers", () => ({ status: 200, body: { items: tiers } }))
    .install();
});
afterEach(() => vi.unstubAllGlobals());

async function row(name: string): Promise<HTMLElement> {
  const cell = await screen.findByText(name, { selector: "[data-testid=tier-row] *" });
  return cell.closest<HTMLElement>("tr") as HTMLElement;
}

async function choose(name: string, item: string): Promise<HTMLElement> {
  const user = userEvent.setup();
  renderApp("/admin/plans");
  await user.click(await screen.findByRole("button", { name: `Actions for the plan ${name}` }));
  await user.click(await screen.findByRole("menuitem", { name: item }));
  return screen.findByRole("dialog");
}

async function type(dialog: HTMLElement, label: string, text: string): Promise<void> {
  const user = userEvent.setup();
  const field = within(dialog).getByRole("textbox", { name: label });
  await user.clear(field);
  if (text) await user.type(field, text);
}

const press = (dialog: HTMLElement, name: string): Promise<void> =>
  userEvent.setup().click(within(dialog).getByRole("button", { name }));

it("lists every limit in units of people, and where it comes from", async () => {
  renderApp("/admin/plans");
  const free = await row("free");
  for (const text of ["From the configuration", "0.2 cores", "512 MiB", "10 GiB", "2,000,000", "50 Mbit/s", "200 MiB/s", "512", "65,536", "32", "20", "1"])
    expect(within(free).getByText(text)).toBeDefined();
  expect(within(await row("pro")).getByText("Set here, over the configuration")).toBeDefined();
  expect(within(await row("pro")).getByText("1.5 cores")).toBeDefined();
  expect(within(await row("team")).getByText("Added here")).toBeDefined();
});

it("sends a plan as a whole, with exact numbers, and shows what it became", async () => {
  server.on("PUT /tiers/free", ({ body }) => {
    tiers = [tier("free", "changed", body as Limits)];
    return { status: 200, body: tiers[0] };
  });
  const dialog = await choose("free", "Change limits…");
  within(dialog).getByText(/without a restart/);
  within(dialog).getByText("From the next start.");
  await type(dialog, "CPU", "0.75");
  await type(dialog, "Memory", "1.5");
  await userEvent.setup().selectOptions(within(dialog).getByRole("combobox", { name: "Unit: Memory" }), "GiB");
  await type(dialog, "Terminals", "");
  await press(dialog, "Save");
  await within(await row("free")).findByText("0.75 cores");
  const { terminals: _default, ...rest } = limits;
  expect(server.callsOf("PUT /tiers/free")[0]?.body).toEqual({ ...rest, cpu_millis: 750, memory_bytes: 1.5 * GIB });
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
});

it("says beside each field what is wrong with it, goes to the first, and sends nothing", async () => {
  const dialog = await choose("free", "Change limits…");
  await type(dialog, "Storage", "lots");
  await type(dialog, "Terminals", "1001");
  await type(dialog, "Workspaces open at once", "");
  await press(dialog, "Save");
  const storage = within(dialog).getByRole("textbox", { name: "Storage" });
  const problem = (label: string, text: string): void => {
    const field = within(dialog).getByRole("textbox", { name: label });
    expect(field.getAttribute("aria-invalid")).toBe("true");
    const described = (field.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent);
    expect(described).toContain(text);
  };
  problem("Storage", "Write a number, such as 2 or 1.5.");
  problem("Terminals", "From 1 to 1,000.");
  problem("Workspaces open at once", "Say how much.");
  expect(document.activeElement).toBe(storage);
  expect(await violations(dialog)).toEqual([]);
  expect(server.calls.filter((call) => call.method === "PUT")).toEqual([]);
});

it("shows a refusal beside the field it is about, until that is changed", async () => {
  server.on("PUT /tiers/free", refusal(400, "invalid_value", "more than this machine has", { field: "memory_bytes" }));
  const dialog = await choose("free", "Change limits…");
  await press(dialog, "Save");
  await within(dialog).findByText("More than this machine has.");
  expect(within(dialog).getByRole("textbox", { name: "Memory" }).getAttribute("aria-invalid")).toBe("true");
  await type(dialog, "Memory", "256");
  expect(within(dialog).queryByText("More than this machine has.")).toBeNull();
});

it("adds a plan under a name that is free, and leaves defaults to the platform", async () => {
  server.on("PUT /tiers/lab", ({ body }) => ({ status: 200, body: tier("lab", "added", body as Limits) }));
  renderApp("/admin/plans");
  await row("free");
  await userEvent.setup().click(screen.getByRole("button", { name: "Add plan" }));
  const dialog = await screen.findByRole("dialog");
  await type(dialog, "Name", "pro");
  await type(dialog, "CPU", "4");
  await type(dialog, "Memory", "8");
  await type(dialog, "Storage", "200");
  await type(dialog, "Workspaces open at once", "3");
  await press(dialog, "Add plan");
  await within(dialog).findByText("There is a plan of this name already.");
  expect(server.calls.filter((call) => call.method === "PUT")).toEqual([]);
  await type(dialog, "Name", "lab");
  await press(dialog, "Add plan");
  await waitFor(() => expect(server.callsOf("PUT /tiers/lab")).toHaveLength(1));
  expect(server.callsOf("PUT /tiers/lab")[0]?.body).toEqual({
    cpu_millis: 4000,
    memory_bytes: 8 * GIB,
    storage_bytes: 200 * GIB,
    concurrent_sessions: 3,
  });
});

it("shows why a plan that somebody has cannot be removed, and keeps it", async () => {
  server.on("DELETE /tiers/team", refusal(409, "conflict", "2 users have this tier; give them another one first", { users: 2 }));
  const dialog = await choose("team", "Remove…");
  expect(server.callsOf("DELETE /tiers/team")).toHaveLength(0);
  await press(dialog, "Remove plan");
  const alert = await within(dialog).findByRole("alert");
  expect(alert.textContent).toContain("2 users have this tier; give them another one first.");
  await press(dialog, "Cancel");
  await row("team");
});

it("removes a plan that nobody has", async () => {
  server.on("DELETE /tiers/team", () => {
    tiers = tiers.filter(({ name }) => name !== "team");
    return { status: 204 };
  });
  await press(await choose("team", "Remove…"), "Remove plan");
  await screen.findByText("The plan team is removed.");
  await waitFor(() => expect(document.querySelector("[data-tier=team]")).toBeNull());
  await row("free");
});

it("takes a changed plan back to the configuration", async () => {
  server.on("DELETE /tiers/pro", () => {
    tiers = [tier("pro", "configuration")];
    return { status: 204 };
  });
  await press(await choose("pro", "Back to the configuration…"), "Use the configuration");
  await within(await row("pro")).findByText("From the configuration");
});

it("offers neither for a plan that is as in the configuration", async () => {
  const user = userEvent.setup();
  renderApp("/admin/plans");
  await user.click(await screen.findByRole("button", { name: "Actions for the plan free" }));
  await screen.findByRole("menuitem", { name: "Change limits…" });
  expect(screen.getAllByRole("menuitem")).toHaveLength(1);
});
