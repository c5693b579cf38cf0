// An installation with one user in one open workspace: where most tests of the workspace page begin.
import { assertNoProblems, createFirstWorkspace, logIn, prompt, register, run, terminalText, treeRow } from "./app.mjs";
import { openBrowser } from "./browser.mjs";
import { Installation, until } from "./server.mjs";

/** So that tests wait for what they test, and not for the smallest plan's fifth of a processor. */
const CPU_MILLIS = 2000;
const EMAIL = "grace@example.com";
/** What Chromium says of a network that a test cut on purpose. */
export const NETWORK_CUT = [/ERR_INTERNET_DISCONNECTED|ERR_NETWORK|WebSocket connection|ERR_CONNECTION|ERR_INCOMPLETE|ERR_SOCKET/];

/** Opens a new workspace in a browser of its own; everything is gone after the test. */
export async function openWorkspace(t, { name = "compiler", ...options } = {}) {
  const installation = await Installation.create({ CODITECT_TIERS__FREE__CPU_MILLIS: String(CPU_MILLIS) });
  const browsers = [];
  t.after(async () => {
    for (const browser of browsers) await browser.close();
    await installation.dispose();
  });
  const browse = async (wanted) => {
    const browser = await openBrowser(wanted);
    browsers.push(browser);
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    return { ...browser, page: browser.context.pages()[0] ?? (await browser.context.newPage()) };
  };
  await installation.start();
  const first = await browse(options);
  await register(first.page, installation.origin, { name: "Grace Hopper", email: EMAIL, link: installation.setupLink });
  await createFirstWorkspace(first.page, name);
  const address = first.page.url();
  return {
    ...first,
    installation,
    address,
    /** The same user in another browser, at the same workspace. */
    another: async ({ atPrompt = true, ...wanted } = {}) => {
      const browser = await browse(wanted);
      await logIn(browser.page, installation.origin, EMAIL);
      await browser.page.goto(address);
      if (atPrompt) await prompt(browser.page);
      return browser;
    },
    /** Fails when any of the browsers complained. */
    assertQuiet: (expected = []) => browsers.forEach(({ problems }) => assertNoProblems(problems, expected)),
  };
}

let marks = 0;

/** Runs a command in the terminal, waits for its end, and answers what it printed; it must end with 0. */
export async function shell(page, command, { index = 0, deadlineMs } = {}) {
  marks += 1;
  const mark = `m${marks}e`;
  // The halves of the marks meet in the output only, never in the echo of the command.
  await run(page, `echo "beg""in-${mark}"; ${command}; printf '\\nend''-${mark}:%s\\n' $?`, new RegExp(`^end-${mark}:0$`, "m"), index, deadlineMs);
  const text = await terminalText(page, index);
  return text.slice(text.lastIndexOf(`begin-${mark}\n`) + `begin-${mark}\n`.length, text.lastIndexOf(`end-${mark}:0`)).trimEnd();
}

/** The text of the editor that shows a path; null while none does. */
export function textOf(page, path) {
  return page.evaluate((wanted) => {
    const shown = [...document.querySelectorAll('[data-testid="editor"]')].find((element) => element.dataset.path === wanted);
    return shown?.__monaco?.getModel() ? shown.__monaco.getValue() : null;
  }, path);
}

/** Opens a file by a double-click in the tree and waits until an editor shows it. */
export async function openFile(page, path, text) {
  await treeRow(page, path).dblclick();
  await until(`an editor shows ${path}`, async () => {
    const shown = await textOf(page, path);
    return text === undefined ? shown !== null : shown === text;
  });
}

/** Puts the keyboard into the text of an editor: of the one that shows a path, or of the first. */
export async function focusEditor(page, path) {
  const editor = path === undefined ? page.getByTestId("editor").first() : page.locator(`[data-testid="editor"][data-path="${path}"]`).last();
  await editor.locator(".monaco-editor").first().click();
}
