// Terminals: full-screen programs, colours, floods, cuts in the network; whoever comes back sees what was there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LAPTOP } from "./harness/browser.mjs";
import { connected, prompt, run, terminalText, type } from "./harness/app.mjs";
import { until } from "./harness/server.mjs";
import { NETWORK_CUT, openWorkspace, shell } from "./harness/workspace.mjs";

/** What a terminal shows, cell by cell, with the cursor and the size. */
function screen(page, index = 0) {
  return page.evaluate((number) => {
    const terminal = document.querySelectorAll('[data-testid="terminal"]')[number].__xterm;
    const buffer = terminal.buffer.active;
    const rows = [];
    for (let row = 0; row < terminal.rows; row += 1) {
      const line = buffer.getLine(buffer.baseY + row);
      const cells = [];
      for (let column = 0; column < terminal.cols; column += 1) {
        const cell = line.getCell(column);
        const blank = cell.getChars() === "" || cell.getChars() === " ";
        const look = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor(), cell.isBold(), cell.isUnderline(), cell.isInverse()];
        // An empty cell and a space look alike unless something is drawn behind them.
        cells.push(blank ? ` ${look.slice(2, 4)},${look[5]},${look[6]}` : `${cell.getChars()}${look}`);
      }
      rows.push(cells.join("|"));
    }
    return { rows, cols: terminal.cols, height: terminal.rows, x: buffer.cursorX, y: buffer.cursorY, kind: buffer.type };
  }, index);
}

/** The visible lines as text. */
function visible(page, index = 0) {
  return page.evaluate((number) => {
    const terminal = document.querySelectorAll('[data-testid="terminal"]')[number].__xterm;
    const buffer = terminal.buffer.active;
    return Array.from({ length: terminal.rows }, (_, row) => buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? "").join("\n");
  }, index);
}

async function sameScreens(one, other) {
  let difference = "";
  await until("both browsers show one screen", async () => {
    const [left, right] = [await screen(one), await screen(other)];
    difference = JSON.stringify(left) === JSON.stringify(right) ? "" : firstDifference(left, right);
    return difference === "";
  }).catch((error) => {
    throw new Error(`${error.message}\n${difference}`);
  });
}

function firstDifference(left, right) {
  for (const key of ["cols", "height", "x", "y", "kind"]) if (left[key] !== right[key]) return `${key}: ${left[key]} against ${right[key]}`;
  const row = left.rows.findIndex((text, index) => text !== right.rows[index]);
  const [a, b] = [left.rows[row].split("|"), right.rows[row].split("|")];
  const column = a.findIndex((cell, index) => cell !== b[index]);
  return `row ${row}, column ${column}: ${a[column]} against ${b[column]}`;
}

async function size(page, index = 0) {
  const { cols, height } = await screen(page, index);
  return `${height} ${cols}`;
}

/** How long the page needs for a trivial question. */
async function pageAnswersMs(page) {
  const started = performance.now();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  return performance.now() - started;
}

/** The link that is under the text, by hovering over it. */
async function positionOf(page, text) {
  return page.evaluate((wanted) => {
    const container = document.querySelector('[data-testid="terminal"]');
    const terminal = container.__xterm;
    const buffer = terminal.buffer.active;
    const box = container.querySelector(".xterm-screen").getBoundingClientRect();
    for (let row = terminal.rows - 1; row >= 0; row -= 1) {
      const at = buffer.getLine(buffer.viewportY + row)?.translateToString(true).indexOf(wanted) ?? -1;
      if (at < 0) continue;
      return { x: box.left + ((at + 0.5) * box.width) / terminal.cols, y: box.top + ((row + 0.5) * box.height) / terminal.rows, cell: box.width / terminal.cols };
    }
    return null;
  }, text);
}

test("terminals", async (t) => {
  const ide = await openWorkspace(t);
  const { page, context } = ide;

  await t.test("one can type as soon as the workspace is open", async () => {
    await until("the terminal has the keyboard", () => page.evaluate(() => document.activeElement?.closest('[data-testid="terminal"]') !== null));
    await page.keyboard.type("echo at-$((1))-once\n");
    await until("it answers", async () => /^at-1-once$/m.test(await terminalText(page)));
  });

  await t.test("the size follows the pane", async () => {
    await run(page, "stty size; echo sized", new RegExp(`^${await size(page)}\\nsized$`, "m"));
    await page.getByRole("button", { name: "Maximize the panel" }).click();
    await until("the program sees the new size", async () => (await shell(page, "stty size")) === (await size(page)));
    const large = await size(page);
    await page.getByRole("button", { name: "Restore the panel" }).click();
    await until("and the old one again", async () => (await size(page)) !== large && (await shell(page, "stty size")) === (await size(page)));
  });

  await t.test("24-bit colours, wide characters, combining marks and emoji", async () => {
    await shell(page, "printf '\\e[38;2;1;120;250m\\e[48;2;40;0;9mtrue\\e[0m \\e[1;3;4mstyled\\e[0m 日本語 e\\u0301 🦀 end\\n'");
    await until("the line is there", async () => (await visible(page)).includes("日本語"));
    const cells = await page.evaluate(() => {
      const terminal = document.querySelector('[data-testid="terminal"]').__xterm;
      const buffer = terminal.buffer.active;
      for (let row = buffer.length - 1; row >= 0; row -= 1) {
        const line = buffer.getLine(row);
        if (!line.translateToString(true).startsWith("true styled")) continue;
        const cell = line.getCell(0);
        return { fg: cell.getFgColor(), rgb: cell.isFgRGB(), bg: cell.getBgColor(), width: line.getCell(12).getWidth(), text: line.translateToString(true), crab: line.getCell(21).getChars(), crabWidth: line.getCell(21).getWidth(), accent: line.getCell(19).getChars() };
      }
      return null;
    });
    assert.equal(cells.rgb, true);
    assert.equal(cells.fg, 0x0178fa);
    assert.equal(cells.bg, 0x280009);
    assert.equal(cells.width, 2);
    assert.equal(cells.accent, "e\u0301");
    assert.deepEqual([cells.crab, cells.crabWidth], ["🦀", 2]);
    // Typed as well as printed.
    await page.keyboard.insertText("echo 'ÿ→日本🦀'");
    await page.keyboard.press("Enter");
    await until("typed text arrives whole", async () => /^ÿ→日本🦀$/m.test(await terminalText(page)));
  });

  await t.test("vim: what it draws comes back in a second browser exactly; what it saves is on disk", async () => {
    await type(page, "vim -u NONE -N poem.txt\n");
    await until("vim is there", async () => (await screen(page)).kind === "alternate");
    await page.keyboard.type("iroses are red\nviolets are blue");
    await page.keyboard.press("Escape");
    await page.keyboard.type(":set number hlsearch\n/are\n");
    await until("vim drew it", async () => /2 violets are blue/.test(await visible(page)));
    const other = await ide.another({ atPrompt: false });
    await until("vim is in the other one", async () => /2 violets are blue/.test(await visible(other.page)));
    await sameScreens(page, other.page);
    await other.close();
    await page.keyboard.type(":wq\n");
    await prompt(page);
    assert.equal(await shell(page, "cat poem.txt"), "roses are red\nviolets are blue");
  });

  await t.test("htop and a screen in the middle of a scrolling region come back exactly", async () => {
    await type(page, "htop -d 100\n");
    await until("htop is there", async () => /F10Quit/.test(await visible(page)));
    // Standing still, so that two looks at it can be compared.
    await page.keyboard.press("Shift+Z");
    const other = await ide.another({ atPrompt: false, viewport: { width: 1440, height: 900 } });
    await until("htop is in the other one", async () => /F10Quit/.test(await visible(other.page)));
    await sameScreens(page, other.page);
    await page.getByTestId("terminal").first().click();
    await page.keyboard.press("Shift+Z");
    await page.keyboard.press("F10");
    await prompt(page);
    await type(page, "clear; printf '\\e[5;9r\\e[7;1H\\e[7minverse\\e[0m\\e[?6h'; for i in 1 2 3 4 5 6; do echo line $i; done; printf '\\e[?6l\\e[r\\e[12;1H'\n");
    await until("it was drawn", async () => /line 6/.test(await visible(page)));
    await other.page.reload();
    await until("it is back", async () => /line 6/.test(await visible(other.page)));
    await sameScreens(page, other.page);
    await other.close();
    await shell(page, "clear");
  });

  await t.test("copy, paste and Ctrl+C", async () => {
    await shell(page, "echo copy-this-word");
    const at = await until("the word is shown", () => positionOf(page, "copy-this-word"));
    await page.mouse.dblclick(at.x, at.y);
    await page.keyboard.press("Control+Shift+C");
    await until("it is copied", async () => (await page.evaluate(() => navigator.clipboard.readText())).includes("copy"));
    await page.evaluate(() => navigator.clipboard.writeText("echo pasted-$((40+2))"));
    await page.keyboard.press("Control+Shift+V");
    await until("it is pasted, and not run", async () => (await terminalText(page)).endsWith("echo pasted-$((40+2))"));
    await page.keyboard.press("Enter");
    await until("it runs", async () => /^pasted-42$/m.test(await terminalText(page)));
    await page.keyboard.type("sleep 1000\n");
    await page.keyboard.press("Control+C");
    await until("it was interrupted", async () => /\^C\n[^\n]*\$$/.test(await terminalText(page)));
  });

  await t.test("a program that floods the terminal is stopped by Ctrl+C, and the page stays usable", async () => {
    await type(page, "yes 'a line of a flood that does not end'\n");
    await until("the flood runs", async () => (await terminalText(page)).split("\n").length > 1000);
    for (let round = 0; round < 5; round += 1) {
      const took = await pageAnswersMs(page);
      assert.ok(took < 4000, `the page needed ${Math.round(took)} ms`);
    }
    await page.getByTestId("activity-ports").click();
    await page.getByTestId("ports-panel").waitFor();
    await page.getByTestId("activity-files").click();
    await page.getByTestId("terminal").first().click();
    const started = performance.now();
    await page.keyboard.press("Control+C");
    await prompt(page);
    assert.ok(performance.now() - started < 10_000, "Ctrl+C took too long");
    assert.equal(await shell(page, "echo calm"), "calm");
  });

  await t.test("cat of 20 MB ends, with its last line right", async () => {
    await shell(page, "seq 1 2900000 > numbers; ls -l numbers", { deadlineMs: 60_000 });
    await run(page, "clear; cat numbers; echo done:$(tail -n 1 numbers)", /^2900000\ndone:2900000$/m, 0, 60_000);
  });

  await t.test("find in the terminal", async () => {
    await shell(page, "clear; seq 1 300");
    await page.keyboard.press("Control+F");
    const field = page.getByLabel("Find in the terminal");
    await field.fill("25");
    await page.getByText(/^\d+ of 13$/).waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await field.waitFor({ state: "detached" });
    await page.keyboard.type("echo back\n");
    await until("the terminal has the keyboard again", async () => /^back$/m.test(await terminalText(page)));
  });

  await t.test("links open in a new tab; those to the workspace's own ports at their address", async () => {
    await shell(page, "clear; mkdir -p site && echo served > site/index.html; (cd site && exec python3 -m http.server 3456) >/dev/null 2>&1 & sleep 0; echo http://localhost:3456/index.html");
    await page.getByText("Port 3456 is listening").waitFor();
    const at = await until("the link is shown", () => positionOf(page, "http://localhost:3456"));
    const opened = context.waitForEvent("page");
    await page.mouse.move(at.x + at.cell * 4, at.y);
    await page.mouse.move(at.x + at.cell * 5, at.y);
    await until("the pointer is over a link", () => page.evaluate(() => document.querySelector('[data-testid="terminal"] .xterm-cursor-pointer') !== null));
    await page.mouse.click(at.x + at.cell * 5, at.y);
    const tab = await opened;
    await tab.getByText("served").waitFor();
    assert.match(new URL(tab.url()).hostname, /^3456--/);
    await tab.close();
    await shell(page, "kill %1; wait; true");
  });

  await t.test("terminals are split, named, closed, ended and started again", async () => {
    await page.getByTestId("terminal-split").click();
    await until("there are two", async () => (await page.getByTestId("terminal").count()) === 2);
    await until("the new one has the keyboard", () =>
      page.evaluate(() => document.querySelectorAll('[data-testid="terminal"]')[1].contains(document.activeElement)));
    await until("it has a prompt", async () => /\$/.test(await terminalText(page, 1)));
    await page.keyboard.type("tty\n");
    await until("it is another terminal", async () => /\/dev\/pts\/1/.test(await terminalText(page, 1)));
    await until("each has its own size", async () => (await size(page, 0)) !== "" && (await shell(page, "stty size", { index: 1 })) === (await size(page, 1)));
    await page.getByTestId("terminal-new").click();
    await until("there are two tabs", async () => (await page.getByTestId("terminal-tab").count()) === 2);
    await until("it has a prompt", async () => /\$/.test(await terminalText(page)));
    await page.getByTestId("terminal-tab").nth(1).dblclick();
    await page.getByTestId("rename-field").fill("builds & tests");
    await page.keyboard.press("Enter");
    await page.getByTestId("terminal-tab").getByText("builds & tests").waitFor();
    await type(page, "exit 7\n");
    await page.getByTestId("terminal-exited").getByText("The shell ended with code 7.").waitFor();
    await page.getByRole("button", { name: "Start again" }).click();
    await until("a new shell", async () => (await page.getByTestId("terminal-exited").count()) === 0 && /\$/.test(await terminalText(page)));
    assert.equal(await shell(page, "echo fresh"), "fresh");
    await page.getByTestId("terminal-tab").getByText("builds & tests").waitFor();

    // Another device has them all.
    const other = await ide.another({ viewport: LAPTOP });
    await until("both tabs", async () => (await other.page.getByTestId("terminal-tab").count()) === 2);
    await other.page.getByTestId("terminal-tab").getByText("builds & tests").waitFor();
    await until("its text", async () => /^fresh$/m.test(await terminalText(other.page)));
    await other.page.getByTestId("terminal-tab").first().click();
    await until("the split", async () => (await other.page.getByTestId("terminal").count()) === 2);
    await until("with its text", async () => /\/dev\/pts\/1/.test(await terminalText(other.page, 1)));
    await other.close();

    await page.getByTestId("terminal-tab").nth(1).focus();
    await page.keyboard.press("Delete");
    await page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }).last().click();
    await until("one tab is left", async () => (await page.getByTestId("terminal-tab").count()) === 1);
    await type(page, "exit\n", 1);
    await page.getByTestId("terminal-exited").getByRole("button", { name: "Close" }).click();
    await until("one terminal is left", async () => (await page.getByTestId("terminal").count()) === 1);
  });

  await t.test("a cut in the network: what was typed meanwhile arrives exactly once", async () => {
    await shell(page, "clear; (for i in 1 2 3 4 5 6 7 8; do echo tick-$i; sleep 0.5; done) & true");
    await page.getByTestId("terminal").first().click();
    await page.keyboard.type("echo cut-");
    await context.setOffline(true);
    await page.keyboard.type("in-the-middle");
    await until("the page says so", async () => (await page.getByTestId("status-connection").getAttribute("data-state")) !== "connected");
    await page.keyboard.type("-of-typing");
    await context.setOffline(false);
    await connected(page);
    await page.keyboard.press("Enter");
    await until("it arrived once and in order", async () => /^cut-in-the-middle-of-typing$/m.test(await terminalText(page)));
    await until("nothing that was printed is missing or doubled", async () => {
      const ticks = (await terminalText(page)).match(/tick-\d$/gm) ?? [];
      return ticks.join() === [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `tick-${n}`).join();
    });
  });

  await t.test("400 ms to the server and back: slow, and right", async () => {
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: 400, downloadThroughput: 100_000, uploadThroughput: 50_000 });
    await page.reload();
    await prompt(page);
    await run(page, "echo slow-$((6*7))", /^slow-42$/m);
    await cdp.detach();
  });

  ide.assertQuiet(NETWORK_CUT);
});
