// Debian's Chromium through playwright-core, with a fresh profile each.
import { createRequire } from "node:module";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "./server.mjs";

// The web app's dependencies hold the browser driver; one lock file pins both.
const require = createRequire(path.join(ROOT, "web/package.json"));
const { chromium } = require("playwright-core");
export const AXE = require.resolve("axe-core/axe.min.js");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];
export const DESKTOP = { width: 1440, height: 900 };
export const LAPTOP = { width: 1280, height: 720 };
export const TABLET = { width: 820, height: 1180 };
const OUT = path.join(ROOT, "tests/e2e/out");

/** A browser with a profile of its own; `close` removes it. */
export async function openBrowser({ viewport = DESKTOP, colorScheme = "light" } = {}) {
  const profile = mkdtempSync(path.join(tmpdir(), "coditect-e2e-profile-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport,
    colorScheme,
    acceptDownloads: true,
  });
  context.setDefaultTimeout(40_000);
  const problems = [];
  context.on("weberror", (error) => problems.push(`page error: ${error.error().stack ?? error.error()}`));
  context.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, problems, close };
}

/** Saves a screenshot under tests/e2e/out for people to look at. */
export async function screenshot(page, name) {
  mkdirSync(OUT, { recursive: true });
  await page.screenshot({ path: path.join(OUT, `${name}.png`), animations: "disabled" });
}

/** Runs axe on the page, without what `exclude` selects; answers its violations as text. */
export async function axeViolations(page, exclude = []) {
  // Through the debugger: the page's policy forbids inline scripts, as it should.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(readFileSync(AXE, "utf8"));
  const options = { resultTypes: ["violations"], rules: {} };
  // An open menu hangs beside the landmarks for as long as it is open, as a dialog does; axe knows that of dialogs only.
  if ((await page.locator('[role="menu"]').count()) > 0) options.rules.region = { enabled: false };
  const results = await page.evaluate(
    ([without, settings]) => globalThis.axe.run({ include: [["html"]], exclude: without.map((selector) => [selector]) }, settings),
    [exclude, options],
  );
  return results.violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `    ${n.target.join(" ")}\n      ${n.failureSummary?.replaceAll("\n", " ")}`).join("\n")}`);
}
