// The file tree: everything people do with files, by mouse and by keyboard, and a directory of 100,000 entries.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { editorTab, editorText, treeRow } from "./harness/app.mjs";
import { until } from "./harness/server.mjs";
import { focusEditor, openWorkspace, shell } from "./harness/workspace.mjs";

const MANY = 100_000;
const ROWS_MAX = 150;
/** Far above what a busy machine adds, far below what 100,000 rows in the page would cost. */
const FROZEN_MS = 4000;
const BIG_BYTES = 30 * 1024 * 1024;

async function make(page, button, name) {
  await page.getByRole("button", { name: button }).first().click();
  await page.getByTestId("rename-field").fill(name);
  await page.keyboard.press("Enter");
}

/** Everything the tree shows, as the agent writes paths. */
function shownPaths(page) {
  return page.getByTestId("tree-row").evaluateAll((rows) => rows.map((row) => row.dataset.path));
}

async function gone(page, where) {
  await treeRow(page, where).waitFor({ state: "detached" });
}

/** Picks files for an upload from the tool's menu. */
async function upload(page, item, files) {
  await page.getByRole("button", { name: "Upload" }).click();
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("menuitem", { name: item }).click();
  await (await chooser).setFiles(files);
}

test("files", async (t) => {
  const ide = await openWorkspace(t);
  const { page, context } = ide;
  const tree = page.getByTestId("file-tree");

  await t.test("an empty workspace says so; files and folders are made", async () => {
    await page.getByText("Empty folder").waitFor();
    await make(page, "New file", "main.c");
    await treeRow(page, "/workspace/main.c").waitFor();
    await editorTab(page, "/workspace/main.c").waitFor();
    await tree.click({ position: { x: 100, y: 300 } });
    await make(page, "New folder", "src");
    await treeRow(page, "/workspace/src").waitFor();
    // Inside the folder that is focused, with folders made on the way.
    await make(page, "New file", "deep/er/lib.c");
    await treeRow(page, "/workspace/src/deep/er/lib.c").waitFor();
    assert.equal(await shell(page, "find . -type f | sort"), "./main.c\n./src/deep/er/lib.c");
  });

  await t.test("a name that is taken or impossible is refused in words", async () => {
    await treeRow(page, "/workspace/main.c").click();
    await make(page, "New file", "main.c");
    await page.getByText("The file was not made").waitFor();
    await page.getByRole("button", { name: "New file" }).first().click();
    await page.getByTestId("rename-field").fill("..");
    await page.keyboard.press("Enter");
    assert.equal(await page.getByTestId("rename-field").getAttribute("aria-invalid"), "true");
    await page.keyboard.press("Escape");
    await page.getByTestId("rename-field").waitFor({ state: "detached" });
  });

  await t.test("F2 renames, and the open tab follows", async () => {
    await treeRow(page, "/workspace/main.c").click();
    await page.keyboard.press("F2");
    // The name without its ending is selected, so that typing replaces just that.
    await page.keyboard.type("prog");
    await page.keyboard.press("Enter");
    await treeRow(page, "/workspace/prog.c").waitFor();
    await gone(page, "/workspace/main.c");
    await editorTab(page, "/workspace/prog.c").waitFor();
    assert.equal(await shell(page, "ls *.c"), "prog.c");
  });

  await t.test("drag moves into a folder and out again", async () => {
    await treeRow(page, "/workspace/prog.c").dragTo(treeRow(page, "/workspace/src"));
    await treeRow(page, "/workspace/src/prog.c").waitFor();
    await editorTab(page, "/workspace/src/prog.c").waitFor();
    assert.equal(await shell(page, "ls src/*.c"), "src/prog.c");
    const box = await tree.boundingBox();
    await treeRow(page, "/workspace/src/prog.c").dragTo(tree, { targetPosition: { x: box.width / 2, y: box.height - 20 } });
    await treeRow(page, "/workspace/prog.c").waitFor();
    assert.equal(await shell(page, "ls *.c"), "prog.c");
  });

  await t.test("what is dropped on an equal name is not replaced without a word", async () => {
    await shell(page, "echo theirs > src/prog.c; echo mine > prog.c");
    await treeRow(page, "/workspace/src/prog.c").waitFor();
    await treeRow(page, "/workspace/prog.c").dragTo(treeRow(page, "/workspace/src"));
    await page.getByRole("button", { name: "Keep both" }).click();
    assert.equal(await shell(page, "cat prog.c src/prog.c"), "mine\ntheirs");
  });

  await t.test("delete goes to the trash, and undo brings it back", async () => {
    await treeRow(page, "/workspace/src").click();
    await page.keyboard.press("Delete");
    await gone(page, "/workspace/src");
    assert.equal(await shell(page, "ls -d src 2>/dev/null || echo no"), "no");
    await page.getByTestId("undo-delete").last().click();
    await treeRow(page, "/workspace/src").waitFor();
    assert.equal(await shell(page, "cat src/prog.c"), "theirs");
  });

  await t.test("names with spaces, quotes, percent signs and any script", async () => {
    const names = ["two words.txt", `it's "quoted".txt`, "100% %41.txt", "日本語 ünïcode 🦀.txt", "-rf", "$(reboot)`x`;&.txt", " lead and trail ", "#hash?query&a=b.txt"];
    await tree.click({ position: { x: 100, y: 420 } });
    for (const name of names) {
      await treeRow(page, "/workspace/prog.c").click();
      await make(page, "New file", name);
      await treeRow(page, `/workspace/${name.replaceAll("%", "%25")}`.replaceAll('"', '\\"')).waitFor();
    }
    const listed = await shell(page, "for f in *.txt -rf ' '*; do printf '%s\\n' \"[$f]\"; done");
    for (const name of names) assert.ok(listed.includes(`[${name}]`), `${name} is missing in\n${listed}`);
    // One of the worst is edited and read back.
    const worst = "/workspace/100%25 %2541.txt";
    await treeRow(page, worst).dblclick();
    await until("it opens", async () => (await page.getByTestId("editor").first().getAttribute("data-path")) === worst);
    await focusEditor(page);
    await page.keyboard.type("percent");
    await page.keyboard.press("Control+S");
    await until("it is saved", async () => (await editorTab(page, worst).getAttribute("data-dirty")) === "false");
    assert.equal(await shell(page, "cat '100% %41.txt'"), "percent");
  });

  await t.test("a newline and bytes that are no text in a name", async () => {
    await shell(page, `printf one > $'new\\nline.md'; printf two > $'raw\\xff\\xfe.md'`);
    const found = await until("both are in the tree", async () => {
      const paths = await shownPaths(page);
      const odd = [paths.find((p) => /new(\n|%0A)line\.md$/i.test(p)), paths.find((p) => /raw%FF%FE\.md$/i.test(p))];
      return odd.every(Boolean) && odd;
    });
    for (const [index, text] of ["one", "two"].entries()) {
      const row = page.getByTestId("tree-row").and(page.locator(`[data-path=${JSON.stringify(found[index]).replaceAll("\\n", "\\a ")}]`));
      await row.dblclick();
      await until("it opens", async () => (await editorText(page)) === text);
    }
    const row = page.getByTestId("tree-row").and(page.locator(`[data-path=${JSON.stringify(found[1])}]`));
    await row.click();
    await page.keyboard.press("Delete");
    await row.waitFor({ state: "detached" });
    assert.equal(await shell(page, "ls -b *.md"), "new\\nline.md");
  });

  const local = mkdtempSync(path.join(tmpdir(), "coditect-e2e-upload-"));
  t.after(() => rmSync(local, { recursive: true, force: true }));

  await t.test("files and a folder are uploaded; an existing file is replaced only after a yes", async () => {
    writeFileSync(path.join(local, "up one.txt"), "first");
    writeFileSync(path.join(local, "up%2.txt"), "second");
    const files = [path.join(local, "up one.txt"), path.join(local, "up%2.txt")];
    await treeRow(page, "/workspace/prog.c").click();
    await upload(page, "Upload files", files);
    await page.getByTestId("uploads").getByText("2 of 2 uploaded").waitFor();
    await treeRow(page, "/workspace/up%252.txt").waitFor();
    assert.equal(await shell(page, "cat 'up one.txt' 'up%2.txt'"), "firstsecond");
    writeFileSync(files[0], "changed");
    await upload(page, "Upload files", [files[0]]);
    await page.getByText("Exists already").waitFor();
    assert.equal(await shell(page, "cat 'up one.txt'"), "first");
    await page.getByRole("button", { name: "Replace the existing file" }).click();
    await until("it is replaced", async () => (await shell(page, "cat 'up one.txt'")) === "changed");
    mkdirSync(path.join(local, "album/inner"), { recursive: true });
    writeFileSync(path.join(local, "album/a.txt"), "a");
    writeFileSync(path.join(local, "album/inner/b.txt"), "b");
    await upload(page, "Upload a folder", path.join(local, "album"));
    await treeRow(page, "/workspace/album").waitFor();
    await until("the folder is whole", async () => (await shell(page, "cat album/a.txt album/inner/b.txt 2>/dev/null; true")) === "ab");
    await page.getByTestId("uploads").getByRole("button", { name: "Close" }).click();
    await page.getByTestId("uploads").waitFor({ state: "detached" });
  });

  await t.test("30 MB arrive whole, with progress on the way", async () => {
    const bytes = randomBytes(BIG_BYTES);
    writeFileSync(path.join(local, "big.bin"), bytes);
    await page.evaluate(() => {
      globalThis.seenProgress = [];
      new MutationObserver(() => {
        const bar = document.querySelector('[data-testid="uploads"] [role="progressbar"]');
        const value = Number(bar?.getAttribute("aria-valuenow"));
        if (bar && value > 0 && value < 100) globalThis.seenProgress.push(value);
      }).observe(document.body, { subtree: true, attributes: true, childList: true });
    });
    // Slow enough to be watched.
    const cdp = await context.newCDPSession(page);
    const speed = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 20 * 1024 * 1024 };
    await cdp.send("Network.emulateNetworkConditions", speed);
    await upload(page, "Upload files", path.join(local, "big.bin"));
    await page.getByTestId("uploads").getByText("1 of 1 uploaded").waitFor();
    await cdp.send("Network.emulateNetworkConditions", { ...speed, uploadThroughput: -1 });
    await cdp.detach();
    assert.ok((await page.evaluate(() => globalThis.seenProgress.length)) > 1, "no progress was shown");
    const sum = createHash("sha256").update(bytes).digest("hex");
    assert.match(await shell(page, "sha256sum big.bin"), new RegExp(`^${sum} `));
    await page.getByTestId("uploads").getByRole("button", { name: "Close" }).click();
  });

  await t.test("what happens outside the page appears by itself", async () => {
    await shell(page, "mkdir fresh && touch fresh/seed");
    await treeRow(page, "/workspace/fresh").click();
    await treeRow(page, "/workspace/fresh/seed").waitFor();
    await shell(page, "touch fresh/grown");
    await treeRow(page, "/workspace/fresh/grown").waitFor();
    await shell(page, "mv fresh/grown fresh/moved");
    await treeRow(page, "/workspace/fresh/moved").waitFor();
    await gone(page, "/workspace/fresh/grown");
    await shell(page, "rm -r fresh");
    await gone(page, "/workspace/fresh");
  });

  await t.test("the keyboard alone: to the tree, through it, into a file, its menu and back", async () => {
    await shell(page, "mkdir -p keys/inner && echo key > keys/inner/door.txt");
    await treeRow(page, "/workspace/keys").waitFor();
    await page.keyboard.press("Control+Shift+E");
    await until("the tree has the keyboard", () => tree.evaluate((element) => element === document.activeElement));
    await page.keyboard.press("Home");
    await page.keyboard.type("keys");
    const focused = () => page.locator("[data-testid=tree-row][data-focused]").getAttribute("data-path");
    await until("typing leads to the folder", async () => (await focused()) === "/workspace/keys");
    await page.keyboard.press("ArrowRight");
    await treeRow(page, "/workspace/keys/inner").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await treeRow(page, "/workspace/keys/inner/door.txt").waitFor();
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), "/workspace/keys/inner/door.txt");
    await page.keyboard.press("Enter");
    await until("Enter opens it", async () => (await editorText(page)) === "key\n");
    await page.keyboard.press("Control+Shift+E");
    await page.keyboard.press("Shift+F10");
    await page.getByRole("menuitem", { name: "Duplicate" }).waitFor();
    await until("the menu has the keyboard", () => page.evaluate(() => document.activeElement?.closest('[role="menu"]') !== null));
    await page.keyboard.press("Escape");
    await page.getByRole("menuitem", { name: "Duplicate" }).waitFor({ state: "detached" });
    await until("the tree has the keyboard again", () => tree.evaluate((element) => element === document.activeElement));
    await page.keyboard.press("ArrowLeft");
    await until("left goes to the folder", async () => (await focused()) === "/workspace/keys/inner");
    await page.keyboard.press("ArrowLeft");
    await gone(page, "/workspace/keys/inner/door.txt");
    // To the terminal and back with F6.
    for (const region of ["editor", "terminal", "status", "panels", "sidebar"]) {
      await page.keyboard.press("F6");
      await until(`F6 reaches ${region}`, () =>
        page.evaluate(() => document.activeElement?.closest("[data-region]")?.dataset.region).then((at) => at === region));
    }
  });

  await t.test("a directory of 100,000 entries opens, scrolls and never freezes the page", async () => {
    await shell(page, `mkdir many && python3 -c 'import os; [os.mknod("many/entry-%06d" % i) for i in range(1, ${MANY} + 1)]'`, { deadlineMs: 60_000 });
    await treeRow(page, "/workspace/keys").click();
    await page.evaluate(() => {
      let last = performance.now();
      globalThis.longestGap = 0;
      const tick = (now) => {
        globalThis.longestGap = Math.max(globalThis.longestGap, now - last);
        last = now;
        globalThis.ticking = requestAnimationFrame(tick);
      };
      globalThis.ticking = requestAnimationFrame(tick);
    });
    await treeRow(page, "/workspace/many").click();
    await treeRow(page, "/workspace/many/entry-000001").waitFor();
    for (let round = 0; round < 6; round += 1) {
      const before = await tree.evaluate((element) => element.scrollHeight);
      await tree.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      await until("the next page is read", async () => (await tree.evaluate((element) => element.scrollHeight)) > before);
      assert.ok((await page.getByTestId("tree-row").count()) < ROWS_MAX);
    }
    await page.keyboard.press("Control+Shift+E");
    await page.keyboard.press("Home");
    await page.keyboard.press("PageDown");
    const gap = await page.evaluate(() => {
      cancelAnimationFrame(globalThis.ticking);
      return globalThis.longestGap;
    });
    assert.ok(gap < FROZEN_MS, `the page stood still for ${Math.round(gap)} ms`);
    // Other work goes on, and so do changes in the great directory.
    assert.equal(await shell(page, "ls many | wc -l"), String(MANY));
    await shell(page, "touch many/aaa-first");
    // Only rows in sight exist: the folder's own is at the top, wherever the list was left.
    await tree.evaluate((element) => element.scrollTo(0, 0));
    await treeRow(page, "/workspace/many").click();
    await gone(page, "/workspace/many/entry-000001");
    await treeRow(page, "/workspace/many").click();
    await treeRow(page, "/workspace/many/aaa-first").waitFor();
  });

  ide.assertQuiet([/status of (404|409)/]);
});
