// What a person does in the web app, in words.
import assert from "node:assert/strict";
import { until } from "./server.mjs";

export const PASSWORD = "correct horse battery staple";

/** Registers an account through the form and waits for the dashboard. */
export async function register(page, origin, { name, email, link = `${origin}/register` }) {
  await page.goto(link);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Workspaces", level: 1 }).waitFor();
}

export async function logIn(page, origin, email, password = PASSWORD) {
  await page.goto(`${origin}/login`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => !url.pathname.startsWith("/login"));
}

/** Creates the first workspace; the app opens it at once. */
export async function createFirstWorkspace(page, name) {
  await page.getByTestId("first-workspace").getByRole("textbox").fill(name);
  await page.getByRole("button", { name: "Create workspace" }).click();
  await prompt(page);
}

/** Waits until the terminal shows a shell's prompt. */
export async function prompt(page) {
  await until("a prompt", async () => /\$ ?$/.test((await terminalText(page)).trimEnd() + " "));
}

/** The text of a terminal's whole buffer, without trailing blank lines. */
export async function terminalText(page, index = 0) {
  return page.evaluate((number) => {
    const containers = [...document.querySelectorAll('[data-testid="terminal"]')];
    const terminal = containers[number]?.__xterm;
    if (!terminal) return "";
    const buffer = terminal.buffer.active;
    const lines = [];
    for (let row = 0; row < buffer.length; row += 1) {
      const line = buffer.getLine(row);
      const text = line.translateToString(true);
      if (line.isWrapped && lines.length) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd();
  }, index);
}

/** Types into a terminal. */
export async function type(page, text, index = 0) {
  await page.getByTestId("terminal").nth(index).click();
  await page.keyboard.type(text);
}

/** Runs a command and waits until its output, not its echo, matches. */
export async function run(page, command, pattern, index = 0, deadlineMs = undefined) {
  await type(page, `${command}\n`, index);
  return until(`the output of ${command}`, async () => pattern.exec(await terminalText(page, index)), deadlineMs);
}

export function treeRow(page, path) {
  return page.locator(`[data-testid="tree-row"][data-path="${path}"]`);
}

export function editorTab(page, path) {
  return page.locator(`[data-testid="editor-tab"][data-path="${path}"]`);
}

/** Text of the visible editor. */
export async function editorText(page) {
  return page.evaluate(() => document.querySelector('[data-testid="editor"]')?.__monaco?.getValue() ?? null);
}

export async function connected(page) {
  await until("the page is connected", async () =>
    (await page.getByTestId("status-connection").getAttribute("data-state")) === "connected");
}

/** Fails when the page complained about anything but refused log-ins and a server that was away on purpose. */
export function assertNoProblems(problems, expected = []) {
  const harmless = [/status of 401/, /favicon/, ...expected];
  const real = problems.filter((problem) => !harmless.some((pattern) => pattern.test(problem)));
  assert.deepEqual(real, [], "the page reported problems");
}
