// What workspaces serve: ports open in the browser with the same login, for their owner alone, and cannot harm the platform.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Program, ask, siteHost } from "./harness/api.mjs";
import { assertNoProblems, createFirstWorkspace, logIn, register, treeRow, type } from "./harness/app.mjs";
import { until } from "./harness/server.mjs";
import { execute, serveApp, setUp, shownWorkspace, siteUrl } from "./harness/serving.mjs";

const MIB_20 = 20 * 1024 * 1024;

/** An in-page request of an app's own script. */
function fetchText(page, address, init = {}) {
  return page.evaluate(async ([to, options]) => {
    const answer = await fetch(to, options);
    return { status: answer.status, text: await answer.text() };
  }, [address, init]);
}

/** Opens a WebSocket from the page's script, says `words` and answers what comes back; null when it does not open. */
function speak(page, address, { protocols = [], words = "hello" } = {}) {
  return page.evaluate(
    ([to, offered, said]) => new Promise((resolve) => {
      const socket = new WebSocket(to, offered);
      socket.onopen = () => socket.send(said);
      socket.onmessage = ({ data }) => {
        resolve(data);
        socket.close();
      };
      socket.onclose = () => resolve(null);
    }),
    [address, protocols, words],
  );
}

async function heading(page) {
  return (await page.locator("h1").first().textContent()).trim();
}

/** The next download of any page. The tab made for it may be told of it, or the page that opened the tab. */
async function nextDownload(context) {
  let found;
  const watch = (page) => page.on("download", (download) => (found = download));
  context.pages().forEach(watch);
  context.on("page", watch);
  return until("a download", () => found);
}

async function logOut(page) {
  await page.getByTestId("user-menu").click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.waitForURL((url) => url.pathname === "/login");
}

test("a server started in the terminal is announced, listed, and opens with the same login for its owner alone", async (t) => {
  const { installation, browsers: [ada, bob, nobody] } = await setUp(t, { browsers: 3 });
  const { origin } = installation;
  const page = await ada.context.newPage();
  await register(page, origin, { name: "Ada", email: "ada@example.com" });
  await createFirstWorkspace(page, "web");
  const workspace = shownWorkspace(page);
  const address = siteUrl(installation, workspace, 3000);

  await type(page, "mkdir site && echo inside > site/page.txt && python3 -m http.server 3000 --directory site\n");
  const note = page.getByRole("alert").filter({ hasText: "Port 3000 is listening" });
  await note.waitFor();
  const [fromNote] = await Promise.all([ada.context.waitForEvent("page"), note.getByRole("link", { name: "Open" }).click()]);
  await fromNote.getByRole("link", { name: "page.txt" }).waitFor();
  assert.equal(fromNote.url(), address);
  await fromNote.close();

  await page.getByTestId("activity-ports").click();
  const row = page.getByTestId("port").and(page.locator('[data-port="3000"]'));
  await row.waitFor();
  assert.match(await row.textContent(), /python3/);
  const [app] = await Promise.all([ada.context.waitForEvent("page"), row.getByRole("link", { name: "Open port 3000" }).click()]);
  await app.getByRole("link", { name: "page.txt" }).click();
  await until("the file is shown", async () => (await app.textContent("body")).trim() === "inside");
  assert.equal(app.url(), `${address}page.txt`);

  // Another user, with a login of their own, is told nothing about it.
  const other = await bob.context.newPage();
  await register(other, origin, { name: "Bob", email: "bob@example.com" });
  await other.goto(address);
  await until("Bob is refused in words", async () => /does not exist|belongs to somebody else/i.test(await other.textContent("body")));
  assert.doesNotMatch(await other.textContent("body"), /page\.txt/);
  assert.notEqual(new URL(other.url()).host, new URL(address).host);

  // Somebody not logged in logs in on the way, and arrives at the very path.
  const stranger = await nobody.context.newPage();
  await stranger.goto(`${address}page.txt`);
  assert.equal(new URL(stranger.url()).origin, origin);
  assert.equal(new URL(stranger.url()).pathname, "/login");
  await stranger.getByLabel("E-mail").fill("ada@example.com");
  await stranger.getByLabel("Password", { exact: true }).fill("correct horse battery staple");
  await stranger.keyboard.press("Enter");
  await stranger.waitForURL(`${address}page.txt`);
  assert.equal((await stranger.textContent("body")).trim(), "inside");

  // Logging out ends what is open, in that browser only.
  await logOut(page);
  await app.goto(`${address}page.txt`);
  assert.equal(new URL(app.url()).pathname, "/login");
  await stranger.reload();
  assert.equal((await stranger.textContent("body")).trim(), "inside");
  assertNoProblems(ada.problems);
});

test("streams, WebSockets and large bodies pass through a port; a closed port waits; a stopped workspace wakes", async (t) => {
  const { installation, browsers: [ada] } = await setUp(t, { browsers: 1 });
  const page = await ada.context.newPage();
  await register(page, installation.origin, { name: "Ada", email: "ada@example.com" });
  await createFirstWorkspace(page, "web");
  const workspace = shownWorkspace(page);

  // Nothing listens yet: the page says so and comes back by itself once something does.
  const app = await ada.context.newPage();
  const closed = await app.goto(siteUrl(installation, workspace, 4000));
  assert.equal(closed.status(), 502);
  assert.equal(await heading(app), "Nothing is listening here yet");
  serveApp(installation, workspace, 4000);
  await app.getByRole("heading", { name: "An app of the workspace" }).waitFor();

  // Server-sent events: the second comes only once the first was seen.
  const events = await app.evaluate(async () => {
    const reader = (await fetch("/events")).body.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await reader.read()).value;
    await fetch("/release");
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return [first, rest];
      rest += value;
    }
  });
  assert.deepEqual(events, ["data: first\n\n", "data: second\n\n"]);

  // WebSocket, both sizes of frames.
  const socket = siteUrl(installation, workspace, 4000, "/echo").replace("http", "ws");
  assert.equal(await speak(app, socket, { words: "grüße" }), "grüße");
  assert.equal(await speak(app, socket, { words: "x".repeat(40_000) }), "x".repeat(40_000));

  // 20 MB each way, byte for byte.
  const chunk = Buffer.from(Array.from({ length: 65_536 }, (_, at) => at % 256));
  const hash = createHash("sha256");
  for (let at = 0; at < MIB_20; at += chunk.length) hash.update(chunk);
  const expected = hash.digest("hex");
  const [up, down] = await app.evaluate(async (size) => {
    const bytes = new Uint8Array(size).map((_, at) => at % 256);
    const sent = await (await fetch("/upload", { method: "POST", body: bytes })).json();
    const received = await (await fetch("/download")).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", received));
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [sent, { bytes: received.byteLength, sha256: hex }];
  }, MIB_20);
  assert.deepEqual(up, { bytes: MIB_20, sha256: expected });
  assert.deepEqual(down, { bytes: MIB_20, sha256: expected });

  // An open WebSocket ends with the login.
  await app.evaluate((to) => {
    globalThis.ended = new Promise((resolve) => {
      globalThis.socket = new WebSocket(to);
      globalThis.socket.onclose = () => resolve(true);
    });
    return new Promise((resolve) => (globalThis.socket.onopen = resolve));
  }, socket);
  await page.goto(installation.origin);
  await logOut(page);
  assert.equal(await app.evaluate(() => globalThis.ended), true);
  assert.equal((await fetchText(app, "/")).status, 401);
  await logIn(page, installation.origin, "ada@example.com");
  await app.goto(siteUrl(installation, workspace, 4000));
  assert.equal(await heading(app), "An app of the workspace");

  // A script in the background does not start a stopped workspace; whoever navigates there does.
  installation.cli("workspace", "stop", workspace.id);
  const state = () => JSON.parse(installation.cli("--json", "workspace", "list"))[0].state;
  assert.equal(state(), "stopped");
  const quiet = await fetchText(app, "/");
  assert.equal(quiet.status, 503, quiet.text);
  assert.equal(state(), "stopped");
  await app.goto(siteUrl(installation, workspace, 4000));
  assert.equal(await heading(app), "Nothing is listening here yet");
  assert.equal(state(), "running");
});

test("a hostile app sees no credential and can neither use, frame, nor end its visitor's login", async (t) => {
  const { installation, browsers: [ada] } = await setUp(t, { browsers: 1 });
  const { origin } = installation;
  const page = await ada.context.newPage();
  await register(page, origin, { name: "Ada", email: "ada@example.com" });
  await createFirstWorkspace(page, "mine");
  const mine = shownWorkspace(page);
  const api = (method, path, body) => page.evaluate(async ([verb, to, json]) => {
    const headers = json === null ? {} : { "content-type": "application/json" };
    const answer = await fetch(`/api/v5${to}`, { method: verb, headers, body: json });
    if (!answer.ok) throw new Error(`${verb} ${to}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }, [method, path, body === undefined ? null : JSON.stringify(body)]);
  const other = await api("POST", "/workspaces?wait_ms=20000", { name: "other" });
  for (const workspace of [mine, other]) serveApp(installation, workspace, 4000);
  const grant = await api("POST", `/workspaces/${mine.id}/grant`, {});

  const app = await ada.context.newPage();
  await app.goto(siteUrl(installation, mine, 4000));
  const neighbour = await ada.context.newPage();
  await neighbour.goto(siteUrl(installation, other, 4000));

  // Nothing of the platform's in the script's hands, or in the server's.
  assert.equal(await app.evaluate(() => document.cookie), "");
  const seen = JSON.parse((await fetchText(app, "/headers")).text);
  for (const [name, value] of seen) {
    assert.doesNotMatch(`${name}: ${value}`, /coditect_|__Host|authorization|x-coditect|eyJ/i);
  }
  assert.ok(seen.some(([name]) => name.toLowerCase() === "user-agent"), "the echo works");

  // The control origin does not talk to this origin, with or without credentials, and does not act for it.
  const attempt = (address, init) => app.evaluate(async ([to, options]) => {
    try {
      const answer = await fetch(to, options);
      return { type: answer.type, status: answer.status, text: await answer.text() };
    } catch (error) {
      return error.name;
    }
  }, [address, init]);
  assert.equal(await attempt(`${origin}/api/v5/auth/me`, { credentials: "include" }), "TypeError");
  assert.equal(await attempt(`${origin}/api/v5/auth/me`, {}), "TypeError");
  assert.equal(await attempt(`${origin}/w/${mine.label}/v1/status`, { headers: { authorization: `Bearer ${grant.grant}` } }), "TypeError");
  for (const [to, body] of [["/auth/logout", "{}"], [`/workspaces/${other.id}/stop`, ""], ["/auth/refresh", "{}"]]) {
    const blind = await attempt(`${origin}/api/v5${to}`, {
      method: "POST", mode: "no-cors", credentials: "include", headers: { "content-type": "text/plain" }, body,
    });
    assert.deepEqual(blind, { type: "opaque", status: 0, text: "" });
  }
  assert.equal((await api("GET", "/auth/me")).user.email, "ada@example.com");
  assert.equal((await api("GET", `/workspaces/${other.id}`)).state, "running");

  // A form that posts by navigation does not act either.
  const form = await ada.context.newPage();
  await form.goto(siteUrl(installation, mine, 4000));
  await form.evaluate((to) => {
    const made = Object.assign(document.createElement("form"), { method: "post", action: to, enctype: "text/plain" });
    document.body.append(made);
    made.submit();
  }, `${origin}/api/v5/workspaces/${other.id}/stop`);
  await form.waitForURL(`${origin}/**`);
  assert.equal((await api("GET", `/workspaces/${other.id}`)).state, "running");
  await form.close();

  // No WebSocket to an agent, not even with a grant in hand; none to a neighbour's port, which its own page may open.
  const toAgent = `${origin.replace("http", "ws")}/w/${mine.label}/v1/events`;
  const protocols = ["coditect.v1", `grant.${grant.grant}`];
  const ping = '{"type":"ping","id":7}';
  assert.equal(await speak(app, toAgent, { protocols, words: ping }), null);
  assert.notEqual(await speak(page, toAgent, { protocols, words: ping }), null);
  const toNeighbour = siteUrl(installation, other, 4000, "/echo").replace("http", "ws");
  assert.equal(await speak(app, toNeighbour), null);
  assert.equal(await speak(neighbour, toNeighbour), "hello");
  assert.equal(await attempt(siteUrl(installation, other, 4000), { credentials: "include" }), "TypeError");

  // Cookies thrown at the parent domain, by script and by header.
  const cookies = await app.evaluate(async () => {
    for (const name of ["coditect_access", "coditect_refresh", "__Host-coditect_access", "__Host-coditect_refresh", "__Host-coditect_app"]) {
      for (const attributes of ["; Domain=coditect.localhost; Path=/", "; Domain=coditect.localhost; Path=/; Secure", "; Path=/; Secure", "; Path=/api"]) {
        document.cookie = `${name}=evil${attributes}`;
      }
    }
    await fetch("/toss");
    return document.cookie;
  });
  assert.match(cookies, /own=1/);
  assert.match(cookies, /wide=1/);
  assert.doesNotMatch(await neighbour.evaluate(() => document.cookie), /own=1|wide=1/, "what a header sets stays on its origin");
  await page.reload();
  await page.getByTestId("terminal").first().waitFor();
  assert.equal((await api("GET", "/auth/me")).user.email, "ada@example.com");
  await neighbour.reload();
  assert.equal(await heading(neighbour), "An app of the workspace");

  // The app cannot be put in a frame, to be clicked through.
  await app.goto(siteUrl(installation, mine, 4000));
  await app.evaluate((to) => document.body.append(Object.assign(document.createElement("iframe"), { src: to })), `${origin}/`);
  const frame = await until("the frame is refused", () =>
    app.frames().find((candidate) => candidate !== app.mainFrame() && candidate.url().startsWith("chrome-error:")));
  assert.doesNotMatch(await frame.content(), /Workspaces/);
});

test("a file and a folder are downloaded from the tree, as attachments, from an origin of their own", async (t) => {
  const { installation, browsers: [ada] } = await setUp(t, { browsers: 1 });
  const page = await ada.context.newPage();
  await register(page, installation.origin, { name: "Ada", email: "ada@example.com" });
  await createFirstWorkspace(page, "files");
  const workspace = shownWorkspace(page);
  const hostile = "<script>alert(document.domain)</script>";
  execute(installation, workspace, "mkdir -p 'my folder/deep' && cat > 'my folder/deep/grüße.html' && cp 'my folder/deep/grüße.html' page.html", hostile);

  const download = async (path, item) => {
    await treeRow(page, path).click({ button: "right" });
    const [saved] = await Promise.all([nextDownload(ada.context), page.getByRole("menuitem", { name: item, exact: true }).click()]);
    assert.equal(new URL(saved.url()).host, siteHost(installation, workspace, "files"));
    return { name: saved.suggestedFilename(), bytes: readFileSync(await saved.path()) };
  };
  await treeRow(page, "/workspace/page.html").waitFor();
  const file = await download("/workspace/page.html", "Download");
  assert.equal(file.name, "page.html");
  assert.equal(file.bytes.toString(), hostile);
  const folder = await download("/workspace/my folder", "Download as archive");
  assert.equal(folder.name, "my folder.tar.gz");
  const archive = gunzipSync(folder.bytes);
  assert.ok(archive.includes(Buffer.from("deep/grüße.html")), "the archive has the file's name");
  assert.ok(archive.includes(Buffer.from(hostile)), "the archive has the file's content");

  // Whatever it is, the browser is told to save it: seen on the wire, with a ticket of the owner's.
  const body = JSON.stringify({ email: "ada@example.com", password: "correct horse battery staple" });
  const headers = { "content-type": "application/json" };
  const loggedIn = await ask(installation, { method: "POST", path: "/api/v5/auth/login", headers, body });
  const program = new Program(installation, loggedIn.json());
  const { url } = await program.call("POST", `/workspaces/${workspace.id}/tickets`, { path: "/v1/files/read?path=%2Fworkspace%2Fpage.html" });
  const enter = new URL(url);
  const entered = await ask(installation, { host: enter.host, path: enter.pathname + enter.search });
  assert.equal(entered.status, 303);
  const cookie = entered.headers["set-cookie"][0].split(";")[0];
  const answer = await ask(installation, { host: enter.host, path: entered.headers.location, headers: { cookie } });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, hostile);
  assert.match(answer.headers["content-disposition"], /^attachment; filename/);
  assert.equal(answer.headers["content-type"], "application/octet-stream");
  assert.equal(answer.headers["x-content-type-options"], "nosniff");
  // The ticket was for once.
  const again = await ask(installation, { host: enter.host, path: enter.pathname + enter.search });
  assert.equal(again.headers["set-cookie"], undefined);
  assertNoProblems(ada.problems);
});
