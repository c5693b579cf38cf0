// The editor: nothing typed is ever lost, nothing on disk is overwritten without a yes, and bytes stay what they are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LAPTOP } from "./harness/browser.mjs";
import { editorTab, editorText, terminalText, treeRow } from "./harness/app.mjs";
import { until } from "./harness/server.mjs";
import { focusEditor, openFile, openWorkspace, shell, textOf } from "./harness/workspace.mjs";

const at = (name) => `/workspace/${name}`;

async function isDirty(page, name) {
  return (await editorTab(page, at(name)).getAttribute("data-dirty")) === "true";
}

async function saved(page, name) {
  await until(`${name} is saved`, async () => !(await isDirty(page, name)));
}

/** Switches autosave by the command palette, as a person would. */
async function toggleAutosave(page) {
  await command(page, "autosave");
}

async function command(page, words) {
  await page.keyboard.press("F1");
  await page.getByTestId("command-palette").getByRole("combobox").fill(words);
  await page.keyboard.press("Enter");
  await page.getByTestId("command-palette").waitFor({ state: "detached" });
}

/** Makes a file by the shell and waits until the tree has it. */
async function put(page, name, script) {
  await shell(page, script);
  await treeRow(page, at(name)).waitFor();
}

/** Types at the end of the file that is open, and waits until its tab tells that it is not saved. */
async function typeAtEnd(page, text, name) {
  await focusEditor(page, name === undefined ? undefined : at(name));
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
  await page.locator('[data-testid="editor-tab"][aria-selected="true"][data-dirty="true"]').first().waitFor();
}

test("editor", async (t) => {
  const ide = await openWorkspace(t);
  const { page } = ide;
  const tab = (name) => editorTab(page, at(name));

  await t.test("autosave writes a moment after typing", async () => {
    await put(page, "auto.txt", "printf 'one\\n' > auto.txt");
    await openFile(page, at("auto.txt"), "one\n");
    await typeAtEnd(page, "two");
    await saved(page, "auto.txt");
    assert.equal(await shell(page, "cat auto.txt"), "one\ntwo");
    assert.equal(await page.getByTestId("status-save").textContent(), "Saved");
  });

  await t.test("without autosave a text stays unsaved until Ctrl+S", async () => {
    await toggleAutosave(page);
    await typeAtEnd(page, " three");
    assert.equal(await page.getByTestId("status-save").textContent(), "Not saved yet");
    // Leaving the editor writes nothing either.
    assert.equal(await shell(page, "cat auto.txt"), "one\ntwo");
    assert.equal(await isDirty(page, "auto.txt"), true);
    await focusEditor(page);
    await page.keyboard.press("Control+S");
    await saved(page, "auto.txt");
    assert.equal(await shell(page, "cat auto.txt"), "one\ntwo three");
    // Taking back everything makes it clean without writing.
    await typeAtEnd(page, "!");
    await page.keyboard.press("Control+Z");
    await saved(page, "auto.txt");
  });

  await t.test("closing an unsaved file asks", async () => {
    await typeAtEnd(page, " four");
    await page.keyboard.press("Alt+W");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await isDirty(page, "auto.txt"), true);
    await focusEditor(page);
    await page.keyboard.press("Control+Z");
    await saved(page, "auto.txt");
  });

  await t.test("a clean file follows the disk, with the cursor where it was", async () => {
    await focusEditor(page);
    await page.keyboard.press("Control+Home");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    await shell(page, "printf 'zero\\none\\ntwo three' > auto.txt");
    await until("the text is the new one", async () => (await editorText(page)) === "zero\none\ntwo three");
    assert.equal(await isDirty(page, "auto.txt"), false);
    assert.equal(await page.getByTestId("status-cursor").textContent(), "Ln 3, Col 10");
    assert.equal(await page.getByTestId("conflict-dialog").count(), 0);
  });

  for (const [button, word] of [["conflict-mine", "mine"], ["conflict-theirs", "theirs"]]) {
    await t.test(`changed in two places: both are shown, and the user keeps ${word}`, async () => {
      const name = `both-${word}.txt`;
      await put(page, name, `printf 'base\\n' > ${name}`);
      await openFile(page, at(name), "base\n");
      await typeAtEnd(page, "typed");
        // By one terminal command, because the dialog comes over the page.
      await shell(page, `printf 'base\\nshell\\n' > ${name}`).catch(() => undefined);
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      await until("both texts are shown", async () => {
        const text = (await dialog.locator(".view-lines").allTextContents()).join("|");
        return text.includes("shell") && text.includes("typed");
      });
      await page.getByTestId(button).click();
      await dialog.waitFor({ state: "detached" });
      await saved(page, name);
      const wanted = word === "mine" ? "base\ntyped" : "base\nshell\n";
      await until("the editor shows the choice", async () => (await editorText(page)) === wanted);
      assert.equal(await shell(page, `cat ${name}`), wanted.trimEnd());
    });
  }

  await t.test("a decision can wait; nothing is written meanwhile", async () => {
    await put(page, "later.txt", "printf 'base\\n' > later.txt");
    await openFile(page, at("later.txt"), "base\n");
    await typeAtEnd(page, "typed");
    await shell(page, "printf 'other\\n' > later.txt").catch(() => undefined);
    await page.getByRole("dialog").getByRole("button", { name: "Decide later" }).first().click();
    await page.getByTestId("conflict-dialog").waitFor({ state: "detached" });
    await page.getByText("Nothing is saved until you decide").waitFor();
    await focusEditor(page);
    await page.keyboard.press("Control+S");
    await page.getByTestId("conflict-dialog").waitFor();
    assert.equal(await isDirty(page, "later.txt"), true);
    await page.getByTestId("conflict-theirs").click();
    await saved(page, "later.txt");
    assert.equal(await shell(page, "cat later.txt"), "other");
  });

  await t.test("byte-order mark, CRLF and a missing last line end survive an edit, byte by byte", async () => {
    await put(page, "dos.txt", "printf '\\xef\\xbb\\xbfone\\r\\ntwo' > dos.txt");
    await openFile(page, at("dos.txt"), "one\r\ntwo");
    await typeAtEnd(page, "!\nthree ü");
    await page.keyboard.press("Control+S");
    await saved(page, "dos.txt");
    const octets = await shell(page, "od -An -v -tx1 dos.txt | tr -d ' \\n'");
    assert.equal(octets, Buffer.from("\ufeffone\r\ntwo!\r\nthree ü").toString("hex"));
    await page.getByText("UTF-8 with BOM").waitFor();
  });

  await t.test("binary and huge files are not opened as text, and not harmed", async () => {
    await put(page, "noise.bin", "head -c 300000 /dev/urandom > noise.bin; sha256sum noise.bin > sums; head -c 52428800 /dev/zero | tr '\\0' 'a' > huge.log; touch ready");
    await treeRow(page, at("ready")).waitFor();
    await treeRow(page, at("noise.bin")).dblclick();
    await page.locator('[data-testid="file-notice"][data-kind="binary"]').waitFor();
    await treeRow(page, at("huge.log")).dblclick();
    await page.locator('[data-testid="file-notice"][data-kind="huge"]').waitFor();
    await page.getByRole("button", { name: "Show the first 1 MB" }).click();
    await page.getByText("Only the first megabyte is shown").waitFor();
    await until("its beginning is shown", async () => (await editorText(page))?.length === 1024 * 1024);
    assert.match(await shell(page, "sha256sum -c sums; stat -c %s huge.log; rm huge.log"), /noise.bin: OK\n52428800$/);
  });

  await t.test("a file deleted outside says so, keeps its text, and can be saved again", async () => {
    await put(page, "doomed.txt", "printf 'precious\\n' > doomed.txt");
    await openFile(page, at("doomed.txt"), "precious\n");
    await shell(page, "rm doomed.txt");
    await page.getByTestId("deleted-banner").waitFor();
    assert.equal(await editorText(page), "precious\n");
    await page.getByRole("button", { name: "Save it again" }).click();
    await page.getByTestId("deleted-banner").waitFor({ state: "detached" });
    assert.equal(await shell(page, "cat doomed.txt"), "precious");
  });

  await t.test("a reload brings unsaved text back as unsaved", async () => {
    await put(page, "draft.txt", "printf 'saved\\n' > draft.txt");
    await openFile(page, at("draft.txt"), "saved\n");
    await typeAtEnd(page, "not saved");
    page.on("dialog", (dialog) => void dialog.accept());
    await page.reload();
    await until("the text is back", async () => (await editorText(page)) === "saved\nnot saved");
    assert.equal(await isDirty(page, "draft.txt"), true);
    await until("the terminal is back", async () => (await terminalText(page)).includes("$"));
    assert.equal(await shell(page, "cat draft.txt"), "saved");
    await focusEditor(page);
    await page.keyboard.press("Control+S");
    await saved(page, "draft.txt");
    assert.equal(await shell(page, "cat draft.txt"), "saved\nnot saved");
  });

  await t.test("a draft whose file went on without it is a conflict, not a loss", async () => {
    await typeAtEnd(page, " again");
    await page.goto(ide.installation.origin);
    const away = await ide.another();
    await shell(away.page, "printf 'elsewhere\\n' > draft.txt");
    await away.page.close();
    await page.goto(ide.address);
    await page.getByTestId("conflict-dialog").waitFor();
    await page.getByTestId("conflict-mine").click();
    await saved(page, "draft.txt");
    assert.equal(await shell(page, "cat draft.txt"), "saved\nnot saved again");
  });

  await t.test("quick open finds by parts of a name and goes to a line", async () => {
    await shell(page, "mkdir -p src/deep && seq 1 200 > src/deep/number-list.txt && touch src/deep/other.txt");
    await focusEditor(page);
    await page.keyboard.press("Control+P");
    await page.getByTestId("quick-open").getByRole("combobox").fill("numlist:120");
    // At once: Enter means what was typed, not what was found before.
    await page.keyboard.press("Enter");
    await until("the file is at the line", async () => (await page.getByTestId("status-cursor").textContent()) === "Ln 120, Col 1");
    assert.equal(await tab("src/deep/number-list.txt").getAttribute("aria-selected"), "true");
    await page.keyboard.press("Control+P");
    await page.getByTestId("quick-open").getByRole("combobox").fill("zzzzqqq");
    await page.getByText("No file has such a name.").waitFor();
    await page.keyboard.press("Escape");
    await page.getByTestId("quick-open").waitFor({ state: "detached" });
    await until("the editor has the keyboard again", () => page.evaluate(() => document.activeElement?.closest(".monaco-editor") !== null));
  });

  await t.test("search in files with case, words, expressions and globs, and a jump to the hit", async () => {
    await shell(page, "printf 'Needle here\\nneedles there\\nno\\n' > src/a.c; printf 'a needle\\n' > src/b.h; mkdir -p .git && printf '*.h\\n' > .gitignore");
    await page.keyboard.press("Control+Shift+F");
    const panel = page.getByTestId("search-panel");
    const query = panel.getByLabel("Text to search for");
    const finds = (words) => panel.getByText(words, { exact: true }).waitFor();
    await query.fill("needle");
    // What the ignore file names is left out until it is asked for.
    await finds("2 lines in 1 file");
    await panel.getByRole("button", { name: "Match case" }).click();
    await finds("1 line in 1 file");
    await panel.getByRole("button", { name: "Match case" }).click();
    await panel.getByRole("button", { name: "Whole words" }).click();
    await finds("1 line in 1 file");
    await panel.getByRole("button", { name: "Whole words" }).click();
    await panel.getByRole("button", { name: "Regular expression" }).click();
    await query.fill("^n[e]+dles");
    await finds("1 line in 1 file");
    await query.fill("(");
    await until("a bad expression is explained", async () => (await query.getAttribute("aria-invalid")) === "true");
    await query.fill("needle");
    await panel.getByRole("button", { name: "Regular expression" }).click();
    await panel.getByRole("button", { name: "Which files" }).click();
    await panel.getByLabel("Also files that are ignored").check();
    await finds("3 lines in 2 files");
    await panel.getByLabel("Only in").fill("*.h");
    await finds("1 line in 1 file");
    await panel.getByTestId("search-line").click();
    await until("the hit is shown", async () => (await textOf(page, at("src/b.h"))) === "a needle\n");
    await until("the hit is selected", async () => (await page.getByTestId("status-cursor").textContent()) === "Ln 1, Col 9 (6 selected)");
    await page.keyboard.press("Control+Shift+E");
  });

  await t.test("the command palette runs commands", async () => {
    await page.keyboard.press("Control+Shift+P");
    await page.getByTestId("command-palette").getByRole("combobox").fill("split editor");
    await page.keyboard.press("Enter");
    await until("there are two editors", async () => (await page.getByTestId("editor").count()) === 2);
  });

  await t.test("both halves of a split show one text, and the layout comes back on a smaller device", async () => {
    await typeAtEnd(page, "shared", "src/b.h");
    await until("the other half has it", async () => {
      const texts = await page.getByTestId("editor").evaluateAll((all) => all.map((element) => element.__monaco.getValue()));
      return texts.length === 2 && texts.every((text) => text === "a needle\nshared");
    });
    await page.keyboard.press("Control+S");
    await until("both tabs are clean", async () => (await page.locator('[data-testid="editor-tab"][data-dirty="true"]').count()) === 0);
    const tabs = (where) => where.getByTestId("editor-tab").evaluateAll((all) => all.map((element) => element.dataset.path).sort());
    const mine = await tabs(page);
    const other = await ide.another({ viewport: LAPTOP });
    await until("the same tabs in the same groups", async () => JSON.stringify(await tabs(other.page)) === JSON.stringify(mine));
    await until("both editors", async () => (await other.page.getByTestId("editor").count()) === 2);
    assert.equal(await other.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true);

    // Two browsers, each with an edit of its own, and neither loses a word.
    await shell(other.page, "printf 'left\\n' > left.txt; printf 'right\\n' > right.txt");
    await openFile(page, at("left.txt"), "left\n");
    await openFile(other.page, at("right.txt"), "right\n");
    await toggleAutosave(other.page);
    await typeAtEnd(page, "from the first", "left.txt");
    await typeAtEnd(other.page, "from the second", "right.txt");
    await page.keyboard.press("Control+S");
    await other.page.keyboard.press("Control+S");
    await saved(page, "left.txt");
    await saved(other.page, "right.txt");
    assert.equal(await shell(page, "cat left.txt right.txt"), "left\nfrom the firstright\nfrom the second");
    // The same file in both: what one saves the other shows.
    await openFile(page, at("right.txt"), "right\nfrom the second");
    await typeAtEnd(page, ", and back", "right.txt");
    await page.keyboard.press("Control+S");
    await until("the second shows it", async () => (await textOf(other.page, at("right.txt"))) === "right\nfrom the second, and back");
    await other.page.close();
  });

  ide.assertQuiet([/status of (400|404|409|412|422)/]);
});
