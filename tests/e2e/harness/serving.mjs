// For the tests of accounts, ports and hostile traffic: an installation with browsers, and a program inside a workspace.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { openBrowser } from "./browser.mjs";
import { Installation, ROOT } from "./server.mjs";

/** Room for several sessions, and two cores: tests that start interpreters wait for them. */
const ROOMY = { CODITECT_TIERS__FREE__CPU_MILLIS: "2000", CODITECT_TIERS__FREE__CONCURRENT_SESSIONS: "8" };

/** A running installation with `browsers` browsers, all disposed of after the test. */
export async function setUp(t, { browsers = 0, settings = {} } = {}) {
  const installation = await Installation.create({ ...ROOMY, ...settings });
  const opened = [];
  t.after(async () => {
    await Promise.all(opened.map((browser) => browser.close()));
    await installation.dispose();
  });
  await installation.start();
  for (let number = 0; number < browsers; number += 1) opened.push(await openBrowser());
  return { installation, browsers: opened };
}

/** The workspace that a page of the editor shows. */
export function shownWorkspace(page) {
  const id = /\/workspaces\/(ws_[0-9a-z]+)/.exec(page.url())?.[1];
  assert.ok(id, `no workspace in ${page.url()}`);
  return { id, label: id.slice("ws_".length) };
}

/** Address of an origin of a workspace. */
export function siteUrl(installation, workspace, place, rest = "/") {
  return `http://${place}--${workspace.label}.coditect.localhost:${installation.port}${rest}`;
}

/** Runs a shell command in a workspace through the command line; answers its standard output. */
export function execute(installation, workspace, command, input = "") {
  const outcome = installation.cliOutcome(["workspace", "exec", workspace.id, "--", "sh", "-c", command], { input });
  assert.equal(outcome.code, 0, `${command}: ${outcome.stderr}`);
  return outcome.stdout;
}

/** Puts the tests' program into a workspace and runs it on a port; returns when the port is open. */
export function serveApp(installation, workspace, port) {
  const program = readFileSync(path.join(ROOT, "tests/e2e/harness/app.py"), "utf8");
  execute(installation, workspace, "cat > /workspace/app.py", program);
  execute(installation, workspace, `setsid python3 /workspace/app.py ${port} </dev/null >/tmp/app-${port}.log 2>&1 &
    until python3 -c 'import socket; socket.create_connection(("127.0.0.1", ${port}))' 2>/dev/null; do :; done`);
}
