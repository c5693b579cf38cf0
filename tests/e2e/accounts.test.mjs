// Accounts in the browser: forms that say what is wrong, invitations, administration, logins that last and logins that end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, createFirstWorkspace, logIn, prompt, register, terminalText } from "./harness/app.mjs";
import { until } from "./harness/server.mjs";
import { setUp } from "./harness/serving.mjs";

const ACCESS = "__Host-coditect_access";
const REFRESH = "__Host-coditect_refresh";

/** What a form says beside one of its fields; empty when nothing is wrong with it. */
async function fieldError(page, label) {
  return page.getByLabel(label, { exact: true }).evaluate((input) => {
    if (input.dataset.invalid !== "true" && input.dataset.error !== "true") return "";
    const described = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id.endsWith("-error"));
    return described.map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
  });
}

async function fill(page, fields) {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
}

function me(page) {
  return page.evaluate(async () => {
    const answer = await fetch("/api/v5/auth/me");
    return answer.ok ? (await answer.json()).user : null;
  });
}

async function cookie(context, name) {
  return (await context.cookies()).find((candidate) => candidate.name === name)?.value;
}

async function dashboard(page) {
  await page.getByRole("heading", { name: "Workspaces", level: 1 }).waitFor();
}

async function act(page, user, item) {
  await page.getByRole("button", { name: `Actions for ${user}` }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

/** Tries to log in and answers what the form says. */
async function refusedLogIn(page, origin, email, password) {
  await page.goto(`${origin}/login`);
  await fill(page, { "E-mail": email, Password: password });
  const answered = page.waitForResponse((answer) => answer.url().endsWith("/auth/login"));
  await page.keyboard.press("Enter");
  const status = (await answered).status();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  return { status, text: await alert.textContent() };
}

test("registration and login say what is wrong, at the field it is about; guessing locks the account for a while", async (t) => {
  const { installation, browsers: [ada, eve] } = await setUp(t, { browsers: 2 });
  const { origin } = installation;
  const page = await ada.context.newPage();
  await page.goto(`${origin}/register`);
  await fill(page, { Name: "Ada", "E-mail": "ada@example.com", Password: "short" });
  await page.keyboard.press("Enter");
  await until("the password is refused", async () => /10 characters/.test(await fieldError(page, "Password")));
  await fill(page, { Name: "A\u202eda", Password: PASSWORD });
  await page.keyboard.press("Enter");
  await until("the name is refused", async () => /invisible/.test(await fieldError(page, "Name")));
  assert.equal(await fieldError(page, "E-mail"), "");
  await fill(page, { Name: "Ada", "E-mail": "ada@nodot" });
  await page.keyboard.press("Enter");
  await until("the address is refused", async () => /name@example\.com/.test(await fieldError(page, "E-mail")));
  assert.equal(await fieldError(page, "Name"), "");
  await fill(page, { "E-mail": "ada@example.com" });
  await page.keyboard.press("Enter");
  await dashboard(page);

  const other = await eve.context.newPage();
  await other.goto(`${origin}/register`);
  await fill(other, { Name: "Eve", "E-mail": "ADA@example.com", Password: PASSWORD });
  await other.keyboard.press("Enter");
  await until("the address is taken", async () => /already an account/.test(await fieldError(other, "E-mail")));

  // An account that does not exist is refused like one with another password.
  const unknown = await refusedLogIn(other, origin, "nobody@example.com", "wrong horse battery staple");
  let refused = await refusedLogIn(other, origin, "ada@example.com", "wrong horse battery staple");
  assert.equal(refused.status, 401);
  assert.deepEqual(refused, unknown);
  for (let attempt = 0; refused.status === 401; attempt += 1) {
    assert.ok(attempt < 10, "guessing goes on and on");
    refused = await refusedLogIn(other, origin, "ada@example.com", `guess number ${attempt}`);
  }
  assert.equal(refused.status, 429);
  assert.match(refused.text, /Too many attempts; try again in \d+ seconds?\./);
  // Even the right password waits now; who is logged in already is not disturbed.
  refused = await refusedLogIn(other, origin, "ada@example.com", PASSWORD);
  assert.equal(refused.status, 429);
  await page.reload();
  await dashboard(page);
});

test("invitations lead into one's team; an administrator resets passwords and disables accounts, which ends logins", async (t) => {
  const { installation, browsers: [admin, member, late] } = await setUp(t, { browsers: 3 });
  const { origin } = installation;
  const page = await admin.context.newPage();
  await register(page, origin, { name: "Ada", email: "ada@example.com", link: installation.setupLink });
  await page.goto(`${origin}/settings/invitations`);
  await page.getByRole("button", { name: "Invite someone" }).click();
  await page.getByRole("button", { name: "Make the link" }).click();
  const link = (await page.getByRole("textbox", { name: "Invitation link" }).textContent()).trim();
  assert.equal(new URL(link).origin, origin);
  assert.equal(new URL(link).search, "", "the code is not sent to servers in the address");
  await page.getByRole("button", { name: "Done" }).click();

  const bob = await member.context.newPage();
  await bob.goto(link);
  await bob.getByRole("heading", { name: "Join by invitation" }).waitFor();
  assert.doesNotMatch(bob.url(), /invitation=/);
  await fill(bob, { Name: "Bob", "E-mail": "bob@example.com", Password: PASSWORD });
  await bob.keyboard.press("Enter");
  await dashboard(bob);
  const [ada, joined] = [await me(page), await me(bob)];
  assert.equal(joined.tenant_id, ada.tenant_id);
  assert.deepEqual([joined.role, joined.admin], ["member", false]);

  // It worked once.
  const third = await late.context.newPage();
  await third.goto(link);
  await fill(third, { Name: "Eve", "E-mail": "eve@example.com", Password: PASSWORD });
  await third.keyboard.press("Enter");
  await third.getByRole("alert").filter({ hasText: "This invitation has been used" }).waitFor();
  await third.goto(`${origin}/register`);
  await third.reload();
  await fill(third, { Name: "Eve", "E-mail": "eve@example.com", Password: PASSWORD });
  await third.keyboard.press("Enter");
  await dashboard(third);
  assert.notEqual((await me(third)).tenant_id, ada.tenant_id);

  // The administrator sees everybody; the others do not get that page.
  await page.goto(`${origin}/admin/users`);
  const rows = page.getByTestId("user-row");
  await until("three users", async () => (await rows.count()) === 3);
  for (const [name, words] of [["ada@example.com", /Administrator/], ["bob@example.com", /Member/], ["eve@example.com", /Owner/]]) {
    assert.match(await rows.filter({ hasText: name }).textContent(), words);
  }
  await bob.goto(`${origin}/admin/users`);
  await bob.getByRole("heading", { level: 1 }).waitFor();
  assert.equal(await bob.getByTestId("user-row").count(), 0);

  // A reset ends every login of that user, in the open page too.
  await act(page, "Bob", "Reset password…");
  await page.getByRole("dialog").getByRole("button", { name: "Reset password" }).click();
  const fresh = (await page.getByRole("textbox", { name: "Password" }).textContent()).trim();
  await page.getByRole("button", { name: "Done" }).click();
  await bob.goto(origin);
  await bob.waitForURL((url) => url.pathname === "/login");
  assert.equal((await refusedLogIn(bob, origin, "bob@example.com", PASSWORD)).status, 401);
  await logIn(bob, origin, "bob@example.com", fresh);
  await dashboard(bob);

  await act(page, "Bob", "Disable account");
  await rows.filter({ hasText: "bob@example.com" }).getByText("Disabled").waitFor();
  await bob.goto(origin);
  await bob.waitForURL((url) => url.pathname === "/login");
  const disabled = await refusedLogIn(bob, origin, "bob@example.com", fresh);
  assert.equal(disabled.status, 403);
  assert.match(disabled.text, /disabled; ask your administrator/);
  await act(page, "Bob", "Enable account");
  await rows.filter({ hasText: "bob@example.com" }).getByText("Disabled").waitFor({ state: "detached" });
  await logIn(bob, origin, "bob@example.com", fresh);
  await dashboard(bob);
});

test("a login leads nowhere else, is out of scripts' reach, and is renewed without anybody noticing", async (t) => {
  const { installation, browsers: [ada] } = await setUp(t, { browsers: 1, settings: { CODITECT_ACCESS_TOKEN_TTL_S: "60" } });
  const { origin } = installation;
  const { context } = ada;
  const page = await context.newPage();
  await register(page, origin, { name: "Ada", email: "ada@example.com" });
  await createFirstWorkspace(page, "long-lived");
  const workspace = page.url();

  // Nothing that is secret lies where a script could take it.
  const secrets = [await cookie(context, ACCESS), await cookie(context, REFRESH)];
  assert.ok(secrets.every(Boolean), "both cookies are there");
  const within = await page.evaluate(async () => {
    const databases = await indexedDB.databases();
    return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, databases, location.href]);
  });
  for (const secret of secrets) assert.ok(!within.includes(secret.split(".").at(-1)), "a token is where scripts can read it");
  assert.doesNotMatch(within, /eyJ|coditect_(access|refresh)|grant\./);
  for (const { name, httpOnly, secure, path, domain } of (await context.cookies()).filter((c) => c.name.includes("coditect"))) {
    assert.deepEqual({ httpOnly, secure, path, domain }, { httpOnly: true, secure: true, path: "/", domain: "coditect.localhost" }, name);
  }

  // The access token is over: the open page goes on, and the refresh token has been traded for another.
  await context.clearCookies({ name: ACCESS });
  await page.getByRole("link", { name: "Workspaces" }).first().click();
  await page.getByTestId("workspace-card").first().waitFor();
  await until("there is a new access token", () => cookie(context, ACCESS));
  assert.notEqual(await cookie(context, REFRESH), secrets[1]);
  // Several tabs find out at the same moment: one renewal does for all.
  const tabs = [page, await context.newPage(), await context.newPage(), await context.newPage()];
  for (const tab of tabs) {
    await tab.goto(workspace);
    await prompt(tab);
  }
  for (let round = 0; round < 3; round += 1) {
    await context.clearCookies({ name: ACCESS });
    await Promise.all(tabs.map((tab) => tab.reload()));
    for (const tab of tabs) {
      await prompt(tab);
      assert.equal(tab.url(), workspace);
    }
  }
  for (const tab of tabs.slice(1)) await tab.close();

  // `next` is a path of ours, or nothing; with a login at hand, and after logging in.
  const elsewhere = [
    "//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "javascript:alert(1)", "data:text/html,x", "/..//evil.example", "https:evil.example",
  ];
  for (const next of elsewhere) {
    await page.goto(`${origin}/login?next=${encodeURIComponent(next)}`);
    await dashboard(page);
    assert.equal(new URL(page.url()).origin, origin, next);
  }
  for (const next of ["//evil.example/", "https://evil.example/"]) {
    await context.clearCookies();
    await page.goto(`${origin}/login?next=${next}`);
    await fill(page, { "E-mail": "ada@example.com", Password: PASSWORD });
    await page.keyboard.press("Enter");
    await dashboard(page);
    assert.equal(new URL(page.url()).origin, origin, next);
  }
  // A path of ours is where one wanted to go.
  await context.clearCookies();
  await page.goto(`${origin}/settings/appearance`);
  await fill(page, { "E-mail": "ada@example.com", Password: PASSWORD });
  await page.keyboard.press("Enter");
  await page.waitForURL(`${origin}/settings/appearance`);

  // The theme is kept in this browser.
  const scheme = (shown) => shown.evaluate(() => document.documentElement.dataset.mantineColorScheme);
  assert.equal(await scheme(page), "light");
  await page.getByRole("button", { name: /^Theme:/ }).click();
  await page.getByRole("menuitem", { name: "Dark" }).click();
  await until("the page is dark", async () => (await scheme(page)) === "dark");
  await page.reload();
  await page.getByRole("button", { name: "Theme: Dark" }).waitFor();
  assert.equal(await scheme(page), "dark");
  const next = await context.newPage();
  await next.goto(workspace);
  await prompt(next);
  assert.equal(await scheme(next), "dark");
});

test("from registration to a command's output by keyboard alone", async (t) => {
  const { installation, browsers: [ada] } = await setUp(t, { browsers: 1 });
  const page = await ada.context.newPage();
  await page.goto(`${installation.origin}/register`);
  await page.getByLabel("Name").waitFor();
  const focused = (selector) => until(`the keyboard is at ${selector}`, () =>
    page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector));
  await focused('input[name="name"]');
  await page.keyboard.type("Ada");
  await page.keyboard.press("Tab");
  await page.keyboard.type("ada@example.com");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByTestId("first-workspace").waitFor();
  await focused('[data-testid="first-workspace"] button[type="submit"]');
  await page.keyboard.press("Enter");
  await prompt(page);
  const inTerminal = () => page.evaluate(() => document.activeElement?.closest('[data-testid="terminal"]') != null);
  // F6 goes from region to region of the page.
  for (let presses = 0; !(await inTerminal()); presses += 1) {
    assert.ok(presses < 10, "F6 never reaches the terminal");
    await page.keyboard.press("F6");
  }
  await page.keyboard.type("echo by-$((1+1))-hands\n");
  await until("the answer", async () => /^by-2-hands$/m.test(await terminalText(page)));
});
