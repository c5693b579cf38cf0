import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { ada, refusal, serverOfAda, serverOfNobody, type FakeServer } from "../../test/fake-server";
import { renderApp } from "../../test/render-app";

afterEach(() => vi.unstubAllGlobals());

async function logIn(password: string): Promise<void> {
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
  await user.type(screen.getByLabelText("Password"), password);
  await user.click(screen.getByRole("button", { name: "Log in" }));
}

function accepting(): FakeServer {
  const server = serverOfNobody();
  return server.on("POST /auth/login", () => {
    server.on("GET /auth/me", { status: 200, body: { user: ada, expires_at: 0 } });
    return { status: 200, body: { user: ada, expires_in_s: 600 } };
  });
}

it("sends who is not logged in to the login page, and back afterwards", async () => {
  const server = accepting().install();
  const app = renderApp("/settings/password?x=1");
  await screen.findByRole("heading", { name: "Log in" });
  expect(app.where()).toBe("/login?next=%2Fsettings%2Fpassword%3Fx%3D1");
  await logIn("correct horse battery");
  expect(await screen.findByRole("heading", { name: "Settings" })).toBeDefined();
  expect(app.where()).toBe("/settings/password?x=1");
  expect(server.callsOf("POST /auth/login")[0]?.body).toEqual({
    email: "ada@example.com",
    password: "correct horse battery",
    delivery: "cookie",
  });
});

it("does not follow a next that leads elsewhere", async () => {
  accepting().install();
  const app = renderApp("/login?next=%2F%2Fevil.example%2F");
  await logIn("correct horse battery");
  await screen.findByText(/create your first workspace/i);
  expect(app.where()).toBe("/");
});

it("says why it was refused, keeps what was typed and does not try to renew a login", async () => {
  const server = serverOfNobody()
    .on("POST /auth/login", refusal(401, "unauthenticated", "The e-mail address or the password is wrong."))
    .install();
  renderApp("/login");
  await logIn("wrong password");
  expect(await screen.findByRole("alert")).toHaveProperty("textContent", expect.stringContaining("is wrong"));
  expect(screen.getByLabelText<HTMLInputElement>("E-mail").value).toBe("ada@example.com");
  expect(server.callsOf("POST /auth/login")).toHaveLength(1);
});

it("leaves the login page when somebody is logged in already", async () => {
  serverOfAda().install();
  const app = renderApp("/login?next=%2Fsettings%2Fprofile");
  await screen.findByRole("heading", { name: "Settings" });
  expect(app.where()).toBe("/settings/profile");
});
