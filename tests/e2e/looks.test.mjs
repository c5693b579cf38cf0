// Every page at three sizes in both themes: axe finds nothing, nothing scrolls sideways, and there is a picture to look at.
// With CODITECT_UPDATE_SCREENSHOT=1 it also writes docs/screenshot.png.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { axeViolations, DESKTOP, LAPTOP, openBrowser, screenshot, TABLET } from "./harness/browser.mjs";
import { createFirstWorkspace, editorTab, editorText, register, terminalText, treeRow, type } from "./harness/app.mjs";
import { Installation, ROOT, until } from "./harness/server.mjs";
import { focusEditor, openFile, shell } from "./harness/workspace.mjs";

const SIZES = { desktop: DESKTOP, laptop: LAPTOP, tablet: TABLET };
const ALL = Object.keys(SIZES).flatMap((size) => [[size, "light"], [size, "dark"]]);
/** For what differs from a page that was seen in all ways by a detail only. */
const DETAIL = { combinations: [["desktop", "light"], ["tablet", "dark"]] };

const PROJECT = [
  "mkdir -p src tests docs",
  `cat > README.md <<'END'
# Tally

Counts words, fast. Try \`python3 src/main.py README.md\`.
END`,
  `cat > src/main.py <<'END'
"""Counts the words of a text, most frequent first."""

import re
import sys
from collections import Counter
from pathlib import Path

WORD = re.compile(r"[\\w']+")


def words(text: str) -> list[str]:
    """Every word of the text, in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def main(paths: list[str]) -> int:
    counts: Counter[str] = Counter()
    for path in paths:
        counts.update(words(Path(path).read_text(encoding="utf-8")))
    for word, count in counts.most_common(10):
        print(f"{count:6d}  {word}")
    return 0 if counts else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
END`,
  "printf 'from main import words\\n\\n\\ndef test_words():\\n    assert words(\"One two\") == [\"one\", \"two\"]\\n' > tests/test_words.py",
  "printf '[project]\\nname = \"tally\"\\nversion = \"1.0.0\"\\n' > pyproject.toml",
  "printf '__pycache__/\\n' > .gitignore",
  "printf '# Notes\\n' > docs/notes.md",
];

/** Where source is shown, its words have their colours, and nothing scrolls any more. In the page. */
function isDrawn() {
  const editor = document.querySelector('[data-testid="editor"]');
  if (!editor?.__monaco?.getValue().includes("import")) return true;
  const kinds = new Set([...editor.querySelectorAll(".view-line span span")].flatMap((piece) => [...piece.classList].filter((name) => /^mtk\d+$/.test(name))));
  return kinds.size > 3 && !editor.querySelector(".scrollbar.vertical.visible");
}

/** Looks at a state of the page in every size and theme, and remembers what is wrong. */
function observer(page, problems) {
  return async (name, { combinations = ALL } = {}) => {
    // Away from whatever would show a tip.
    await page.mouse.move(700, 8);
    await until("no tip is shown", async () => (await page.locator(".mantine-Tooltip-tooltip").count()) === 0);
    for (const [size, colorScheme] of combinations) {
      await page.setViewportSize(SIZES[size]);
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const where = `${name}-${size}-${colorScheme}`;
      await until(`${where} has its theme`, () =>
        page.evaluate((wanted) => document.documentElement.dataset.mantineColorScheme === wanted, colorScheme));
      // Two frames, so that what follows the size and the theme has followed.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      await until(`${where} is drawn`, () => page.evaluate(isDrawn));
      await screenshot(page, where);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 0) problems.push(`${where}: scrolls sideways by ${wide} px`);
      // Source text is long; once with all its colours is enough.
      const without = name === "ide" || name === "ide-conflict" ? [] : [".monaco-editor"];
      for (const violation of await axeViolations(page, without)) problems.push(`${where}: ${violation}`);
    }
    await page.setViewportSize(DESKTOP);
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  };
}

test("every page, at every size, in both themes", async (t) => {
  const installation = await Installation.create();
  await installation.start();
  const browser = await openBrowser();
  t.after(async () => {
    await browser.close();
    await installation.dispose();
  });
  const { origin } = installation;
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  const problems = [];
  const look = observer(page, problems);
  const heading = (name, level = 1) => page.getByRole("heading", { name, level }).first().waitFor();

  await page.goto(`${origin}/login`);
  await page.getByLabel("E-mail").waitFor();
  await look("login");
  await page.getByLabel("E-mail").fill("nobody@example.com");
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await look("login-refused", DETAIL);
  await page.goto(`${origin}/register`);
  await page.getByLabel("Name").waitFor();
  await look("register");
  await page.goto(`${origin}/no/such/page`);
  await page.getByRole("heading").first().waitFor();
  await look("not-found");
  await page.goto(`${origin}/docs`);
  await page.getByRole("heading").first().waitFor();
  await look("guide", DETAIL);
  await page.goto(`${origin}/docs/api`);
  await page.getByRole("heading", { level: 2 }).first().waitFor();
  await look("api-reference");

  await register(page, origin, { name: "Ada Lovelace", email: "ada@example.com", link: installation.setupLink });
  await look("dashboard-empty");
  await createFirstWorkspace(page, "tally");
  const workspace = page.url();
  await look("ide-new", DETAIL);

  installation.cli("workspace", "exec", "tally", "--", "bash", "-c", PROJECT.join("\n"));
  await treeRow(page, "/workspace/src").click();
  await treeRow(page, "/workspace/tests").click();
  await openFile(page, "/workspace/tests/test_words.py");
  await openFile(page, "/workspace/src/main.py");
  await until("the file is shown", async () => (await editorText(page))?.includes("most_common"));
  await page.getByTestId("terminal-split").click();
  await until("two terminals", async () => (await page.getByTestId("terminal").count()) === 2);
  await until("with a prompt", async () => /\$/.test(await terminalText(page, 1)));
  await type(page, "clear; python3 src/main.py README.md src/main.py\n", 0);
  await until("it counted", async () => /\d {2}\w+\n/.test(await terminalText(page, 0)));
  await type(page, "clear; ls --color -l . src\n", 1);
  await until("it listed", async () => /main\.py\n/.test(await terminalText(page, 1)));
  await focusEditor(page);
  await page.mouse.move(700, 20);
  await until("the round trip is known", async () => /ms/.test(await page.getByTestId("status-connection").textContent()));
  await look("ide");
  if (process.env.CODITECT_UPDATE_SCREENSHOT) {
    await until("it is drawn", () => page.evaluate(isDrawn));
    await screenshot(page, "docs");
    mkdirSync(path.join(ROOT, "docs"), { recursive: true });
    copyFileSync(path.join(ROOT, "tests/e2e/out/docs.png"), path.join(ROOT, "docs/screenshot.png"));
  }

  const side = async (name) => {
    await page.getByTestId(`activity-${name}`).click();
    await page.getByTestId(`${name}-panel`).waitFor();
  };
  await side("search");
  await page.getByLabel("Text to search for").fill("words");
  await page.getByRole("button", { name: "Which files" }).click();
  await page.getByTestId("search-line").first().waitFor();
  await look("ide-search");
  await side("ports");
  await look("ide-ports-empty", DETAIL);
  await shell(page, "(python3 -m http.server 8000 >/dev/null 2>&1 &)");
  await page.getByTestId("port").first().waitFor();
  await look("ide-ports");
  await side("settings");
  await look("ide-settings");
  await page.getByTestId("activity-files").click();
  await page.getByTestId("header-find").click();
  await page.getByTestId("quick-open").getByRole("combobox").fill("wo");
  await page.getByTestId("quick-open").getByRole("option").first().waitFor();
  await look("ide-quick-open");
  await page.keyboard.press("Escape");
  await page.keyboard.press("F1");
  await page.getByTestId("command-palette").waitFor();
  await look("ide-commands", DETAIL);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Alt+/");
  await page.getByRole("dialog").waitFor();
  await look("ide-keys", DETAIL);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  // Unsaved on this side, written on the other: typed and cut off before autosave can win.
  await page.keyboard.press("F1");
  await page.getByTestId("command-palette").getByRole("combobox").fill("autosave");
  await page.keyboard.press("Enter");
  await focusEditor(page);
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# typed here\n");
  await until("it is dirty", async () => (await editorTab(page, "/workspace/src/main.py").getAttribute("data-dirty")) === "true");
  await type(page, "sed -i 's/most frequent/the rarest/' src/main.py\n");
  await page.getByTestId("conflict-dialog").waitFor();
  await until("the comparison is drawn", async () => (await page.locator(".monaco-diff-editor .view-line").count()) > 4);
  await look("ide-conflict");
  await page.getByTestId("conflict-theirs").click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await type(page, "exit 3\n", 1);
  await page.getByTestId("terminal-exited").waitFor();
  await shell(page, "rm src/main.py; head -c 2000 /dev/urandom > docs/noise.bin");
  await page.getByTestId("deleted-banner").waitFor();
  await treeRow(page, "/workspace/src/main.py").waitFor({ state: "detached" });
  await look("ide-deleted-exited", DETAIL);
  await treeRow(page, "/workspace/docs").click();
  await page.keyboard.press("Control+Shift+E");
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menuitem", { name: "Duplicate" }).waitFor();
  await look("ide-menu", DETAIL);
  await page.keyboard.press("Escape");

  installation.cli("workspace", "stop", "tally");
  await page.getByTestId("workspace-stopped").waitFor();
  await look("ide-stopped", DETAIL);

  await page.goto(origin);
  await heading("Workspaces");
  await page.getByRole("button", { name: "New workspace" }).click();
  await page.getByRole("dialog").waitFor();
  await look("dashboard-create", DETAIL);
  await page.getByRole("dialog").getByRole("textbox").first().fill("a workspace with quite a long name, to see how it fits");
  await page.keyboard.press("Enter");
  await until("it opens or is listed", async () => page.url() !== `${origin}/` || (await page.getByTestId("workspace-card").count()) === 2);
  await page.goto(origin);
  await until("one runs and one is stopped", async () => (await page.locator('[data-testid="workspace-card"][data-state="running"]').count()) === 1
    && (await page.locator('[data-testid="workspace-card"][data-state="stopped"]').count()) === 1);
  await look("dashboard");
  await page.getByRole("button", { name: "More for tally" }).click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  await page.getByRole("dialog").waitFor();
  await look("dashboard-delete", DETAIL);

  for (const section of ["settings/profile", "settings/password", "settings/sessions", "settings/appearance", "settings/invitations", "admin/users", "admin/workspaces"]) {
    await page.goto(`${origin}/${section}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await until("nothing loads any more", async () => (await page.locator(".mantine-Skeleton-root").count()) === 0);
    await look(section.replace("/", "-"), /profile|users/.test(section) ? {} : DETAIL);
  }
  await page.goto(`${workspace.replace(/[0-9a-z]{6}$/, "000000")}`);
  await page.getByRole("heading").first().waitFor();
  await look("ide-unknown", DETAIL);

  assert.deepEqual(problems, [], problems.join("\n\n"));
});
