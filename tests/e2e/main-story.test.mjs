// The main job: register, open, edit, type, come back; and nothing is lost when the server dies.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { openBrowser, screenshot } from "./harness/browser.mjs";
import { Installation, until } from "./harness/server.mjs";
import {
  assertNoProblems, connected, createFirstWorkspace, editorTab, editorText, logIn, prompt, register, run, terminalText,
  treeRow, type,
} from "./harness/app.mjs";

/** Process ids on this machine whose command line is exactly this; sandboxes' processes are seen from outside. */
function processesOf(...argv) {
  const wanted = `${argv.join("\0")}\0`;
  return readdirProc().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8") === wanted;
    } catch {
      return false;
    }
  });
}

test("register, work, close the tab, come back from another browser, survive kill -9 of the server", async (t) => {
  const installation = await Installation.create();
  await installation.start();
  const first = await openBrowser();
  const second = await openBrowser();
  t.after(async () => {
    await first.close();
    await second.close();
    await installation.dispose();
  });

  // The printed link makes its opener the administrator.
  assert.ok(installation.setupLink, `no link for the first administrator in:\n${installation.output}`);
  let page = await first.context.newPage();
  const email = "ada@example.com";
  await register(page, installation.origin, { name: "Ada Lovelace", email, link: installation.setupLink });
  await createFirstWorkspace(page, "analytical-engine");
  const address = page.url();

  // A real terminal answers, and what it makes appears in the tree.
  await run(page, "echo sum:$((40+2))", /^sum:42$/m);
  await type(page, "printf 'first line\\n' > notes.md\n");
  await treeRow(page, "/workspace/notes.md").waitFor();

  // Edited in Monaco, saved, read back.
  await treeRow(page, "/workspace/notes.md").dblclick();
  await until("the editor shows the file", async () => (await editorText(page)) === "first line\n");
  await page.locator('[data-testid="editor"] .monaco-editor').first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("typed in the editor");
  await page.keyboard.press("Control+S");
  await until("the tab is clean", async () =>
    (await editorTab(page, "/workspace/notes.md").getAttribute("data-dirty")) !== "true");
  await run(page, "cat notes.md", /^typed in the editor/m);
  assert.match(await terminalText(page), /^first line$/m);

  // A job that must outlive everything.
  const marker = `${100_000 + (process.pid % 90_000)}`;
  await run(page, `sleep ${marker} & echo "shell:$$ job:$!"`, /shell:\d+ job:\d+/);
  const screen = await terminalText(page);
  const [, shell, job] = /^shell:(\d+) job:(\d+)$/m.exec(screen);
  const sleeping = processesOf("sleep", marker);
  assert.equal(sleeping.length, 1);
  await screenshot(page, "ide-desktop");
  await page.close();

  // Another browser: the same terminals with their screen, the same tabs.
  page = await second.context.newPage();
  await logIn(page, installation.origin, email);
  await page.goto(address);
  await until("the screen is back", async () => (await terminalText(page)).includes(`shell:${shell} job:${job}`));
  await editorTab(page, "/workspace/notes.md").waitFor();
  await until("the editor is back", async () => (await editorText(page)) === "first line\ntyped in the editor");
  await run(page, 'echo "same:$$"', new RegExp(`^same:${shell}$`, "m"));

  // The server is killed while something is being typed; what was typed arrives once.
  await type(page, "echo typed-");
  await installation.kill("SIGKILL");
  await page.keyboard.type("while-away");
  await until("the page says that it reconnects", async () =>
    (await page.getByTestId("status-connection").getAttribute("data-state")) !== "connected");
  await screenshot(page, "ide-reconnecting");
  await installation.start();
  await connected(page);
  await page.keyboard.press("Enter");
  await until("what was typed arrived exactly once", async () =>
    /^typed-while-away$/m.test(await terminalText(page)));
  await run(page, 'echo "after:$$"', new RegExp(`^after:${shell}$`, "m"));
  assert.deepEqual(processesOf("sleep", marker), sleeping, "the job is another process than before");
  await run(page, "jobs -l", new RegExp(`${job}.*sleep ${marker}`));
  await run(page, "cat notes.md", /typed in the editor/);

  // A graceful stop leaves the workspace running and listed; a start adopts it.
  await installation.kill("SIGTERM");
  const listed = JSON.parse(installation.cli("--json", "workspace", "list"));
  assert.equal(listed.length, 1);
  assert.deepEqual(processesOf("sleep", marker), sleeping);
  await installation.start();
  await connected(page);
  await run(page, 'echo "again:$$"', new RegExp(`^again:${shell}$`, "m"));
  assertNoProblems(second.problems, [/ERR_CONNECTION_REFUSED|WebSocket connection|ERR_EMPTY|ERR_CONNECTION_RESET|status of 50[0-9]|ERR_INCOMPLETE|ERR_SOCKET/]);
  assertNoProblems(first.problems, [/ERR_CONNECTION_REFUSED|WebSocket connection/]);
  await prompt(page);
});

function readdirProc() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}
