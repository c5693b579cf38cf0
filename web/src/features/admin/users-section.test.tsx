import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { User } from "../../api/types";
import { ada, refusal, serverOfAda, type FakeServer } from "../../test/fake-server";
import { renderApp } from "../../test/render-app";
import { matchesUser } from "./users-section";

const bob: User = { ...ada, id: "usr_bob", name: "Bob", email: "bob@example.com", tier: "free", admin: false };
let server: FakeServer;

beforeEach(() => {
  server = serverOfAda()
    .on("GET /users", ({ query }) => {
      if (query.get("after") === "p2") return { status: 200, body: { items: [{ ...bob, id: "usr_c", name: "Cleo" }] } };
      return { status: 200, body: { items: [ada, bob], next: "p2" } };
    })
    .install();
});
afterEach(() => vi.unstubAllGlobals());

it("finds users by words in any order", () => {
  expect(matchesUser(bob, "FREE bob")).toBe(true);
  expect(matchesUser(bob, "bob pro")).toBe(false);
  expect(matchesUser(bob, " ")).toBe(true);
});

it("loads further pages when asked", async () => {
  renderApp("/admin/users");
  await screen.findByText("Bob");
  expect(screen.queryByText("Cleo")).toBeNull();
  await userEvent.setup().click(screen.getByRole("button", { name: "Show more" }));
  await screen.findByText("Cleo");
});

it("disables an account", async () => {
  server.on("PATCH /users/usr_bob", { status: 200, body: { ...bob, disabled: true } });
  renderApp("/admin/users");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Actions for Bob" }));
  await user.click(await screen.findByRole("menuitem", { name: "Disable account" }));
  await vi.waitFor(() => expect(server.callsOf("PATCH /users/usr_bob")[0]?.body).toEqual({ disabled: true }));
});

it("does not offer to disable oneself", async () => {
  renderApp("/admin/users");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Actions for Ada Lovelace" }));
  const item = await screen.findByRole<HTMLButtonElement>("menuitem", { name: "Disable account" });
  expect(item.disabled).toBe(true);
});

it("adds a user and shows the password that was made once", async () => {
  server.on("POST /users", { status: 201, body: { user: bob, password: "made-for-bob" } });
  renderApp("/admin/users");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Add user" }));
  const dialog = await screen.findByRole("dialog");
  await user.type(within(dialog).getByLabelText("Name"), "Bob");
  await user.type(within(dialog).getByLabelText("E-mail"), "bob@example.com");
  await user.click(within(dialog).getByRole("button", { name: "Add user" }));
  await screen.findByText("made-for-bob");
  expect(server.callsOf("POST /users")[0]?.body).toEqual({ name: "Bob", email: "bob@example.com", admin: false });
});

it("resets a password after asking", async () => {
  server.on("POST /users/usr_bob/password", { status: 200, body: { user: bob, password: "fresh-for-bob" } });
  renderApp("/admin/users");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Actions for Bob" }));
  await user.click(await screen.findByRole("menuitem", { name: "Reset password…" }));
  expect(server.callsOf("POST /users/usr_bob/password")).toHaveLength(0);
  await user.click(await screen.findByRole("button", { name: "Reset password" }));
  await screen.findByText("fresh-for-bob");
});

it("looks as if it did not exist to who is no administrator", async () => {
  server
    .on("GET /auth/me", { status: 200, body: { user: { ...ada, admin: false }, expires_at: 0 } })
    .on("GET /users", refusal(403, "forbidden", "Administrators only."));
  renderApp("/admin/users");
  await screen.findByRole("heading", { name: "There is nothing here" });
  expect(server.callsOf("GET /users")).toHaveLength(0);
});
