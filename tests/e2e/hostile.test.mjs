// Hostile traffic and accidents against the real server: forged rights, malformed requests, killed processes, wrong starts.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { Program, ask, askRaw, handshake, siteHost } from "./harness/api.mjs";
import { PASSWORD, logIn, prompt } from "./harness/app.mjs";
import { screenshot } from "./harness/browser.mjs";
import { Installation, until } from "./harness/server.mjs";
import { execute, serveApp, setUp } from "./harness/serving.mjs";

const JSON_TYPE = { "content-type": "application/json" };

function segments(token) {
  return token.split(".").map((part, at) => (at < 2 ? JSON.parse(Buffer.from(part, "base64url")) : part));
}

function token(header, claims, signature) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode(header)}.${encode(claims)}.${signature}`;
}

/** A token that claims what it was not signed for, in every way of getting around the signature. */
function forgeries(genuine, change) {
  const [header, claims, signature] = segments(genuine);
  const changed = { ...claims, ...change };
  const flipped = signature.slice(0, 10) + (signature[10] === "A" ? "B" : "A") + signature.slice(11);
  return [
    token(header, changed, signature),
    token(header, claims, flipped),
    token(header, claims, ""),
    token({ ...header, alg: "none" }, changed, ""),
    token({ ...header, alg: "HS256" }, changed, signature),
    token({ alg: header.alg, typ: header.typ }, changed, signature),
    token({ ...header, kid: "../../etc/passwd" }, changed, signature),
    token({ ...header, jwk: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } }, changed, signature),
    "", ".", "..", "a.b.c", `${genuine}.x`,
  ];
}

test("no right but the one that was given opens anything", async (t) => {
  const { installation } = await setUp(t);
  const ada = await Program.register(installation, { name: "Ada", email: "ada@example.com" });
  const bob = await Program.register(installation, { name: "Bob", email: "bob@example.com" });
  const mine = await ada.workspace("mine");
  const theirs = await bob.workspace("theirs");
  serveApp(installation, mine, 4000);
  const { grant } = await ada.grant(mine);
  const { grant: foreign } = await bob.grant(theirs);
  const status = (bearer, workspace = mine) => ask(installation, {
    path: `/w/${workspace.label}/v1/status`, headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` },
  });
  const onPort = (bearer, workspace = mine, place = 4000) => ask(installation, {
    host: siteHost(installation, workspace, place), headers: { "x-coditect-grant": bearer },
  });
  assert.equal((await status(grant)).status, 200);
  assert.equal((await onPort(grant)).status, 200);

  // Forged, and genuine for something else.
  const expired = { exp: segments(grant)[1].exp + 86_400 };
  for (const forged of [...forgeries(grant, { workspace: theirs.id, ...expired }), ...forgeries(foreign, { workspace: mine.id })]) {
    for (const place of [mine, theirs]) {
      for (const answer of [await status(forged, place), await onPort(forged, place)]) {
        assert.equal(answer.status, 401, forged);
        assert.equal(answer.json().error.kind, "unauthenticated");
      }
    }
  }
  const { url } = await ada.call("POST", `/workspaces/${mine.id}/tickets`, { port: 4000, path: "/" });
  const enter = new URL(url);
  const ticket = enter.searchParams.get("ticket");
  for (const other of [ada.token, ada.refreshToken, ticket]) {
    assert.equal((await status(other)).status, 401);
    assert.equal((await onPort(other)).status, 401);
  }
  for (const other of [grant, ticket, ada.refreshToken, ...forgeries(ada.token, { sub: bob.user.id, admin: true })]) {
    const answer = await ask(installation, { path: "/api/v5/auth/me", headers: { authorization: `Bearer ${other}` } });
    assert.equal(answer.status, 401, other);
  }
  assert.equal((await status(null)).status, 401);
  for (const cookie of [`__Host-coditect_access=${ada.token}`, `__Host-coditect_app=${grant}`]) {
    const answer = await ask(installation, { path: `/w/${mine.label}/v1/status`, headers: { cookie } });
    assert.equal(answer.status, 401, "no cookie opens an agent");
  }

  // Somebody else's grant, workspace, ticket.
  assert.equal((await status(foreign)).status, 403);
  assert.equal((await onPort(foreign)).status, 403);
  for (const [method, to, body] of [
    ["GET", "", undefined], ["POST", "/grant", {}], ["POST", "/tickets", { port: 4000 }], ["POST", "/stop", undefined], ["DELETE", "", undefined],
  ]) {
    assert.equal((await bob.ask(method, `/workspaces/${mine.id}${to}`, body)).status, 404, `${method} ${to}`);
  }

  // WebSockets: the exact origin, and a grant; foreign origins get nowhere with one.
  const open = (headers, host) => ask(installation, { host, path: `/w/${mine.label}/v1/events`, headers: handshake(headers) });
  const offer = { "sec-websocket-protocol": `coditect.v1, grant.${grant}` };
  const { host } = new URL(installation.origin);
  assert.equal((await open({ ...offer, origin: installation.origin }, host)).status, 101);
  assert.equal((await open({ authorization: `Bearer ${grant}` })).status, 101);
  for (const origin of ["null", "https://evil.example", `http://4000--${mine.label}.coditect.localhost:${installation.port}`, `${installation.origin}.evil.example`, "http://coditect.localhost"]) {
    assert.equal((await open({ ...offer, origin }, host)).status, 403, origin);
    assert.equal((await open({ authorization: `Bearer ${grant}`, origin }, host)).status, 403, origin);
  }
  assert.equal((await open(offer, host)).status, 403, "neither a page nor a program");
  assert.equal((await open({ origin: installation.origin }, host)).status, 401);

  // A ticket is for one port of one workspace, once.
  const redeem = (at) => ask(installation, { host: at, path: enter.pathname + enter.search });
  for (const elsewhere of [siteHost(installation, mine, 4001), siteHost(installation, mine, "files"), siteHost(installation, theirs, 4000)]) {
    assert.equal((await redeem(elsewhere)).headers["set-cookie"], undefined, elsewhere);
  }
  const both = await Promise.all([redeem(enter.host), redeem(enter.host)]);
  assert.equal(both.filter((answer) => answer.headers["set-cookie"]).length, 1, "one of two at the same moment");
  assert.equal((await redeem(enter.host)).headers["set-cookie"], undefined);

  // A grant dies with the start it was made for, and with its login.
  await ada.call("POST", `/workspaces/${mine.id}/stop?wait_ms=20000`);
  await ada.call("POST", `/workspaces/${mine.id}/start?wait_ms=20000`);
  const stale = await status(grant);
  assert.equal(stale.status, 401);
  assert.equal(stale.json().error.details.reason, "stale_generation");
  const { grant: present } = await ada.grant(mine);
  assert.equal((await status(present)).status, 200);
  await ada.call("POST", "/auth/logout", {});
  assert.equal((await status(present)).status, 401);
  assert.equal((await ada.ask("GET", "/auth/me")).status, 401);
  // A refresh token works once; its second use ends the login it came from.
  const refresh = (refreshToken) => ask(installation, { method: "POST", path: "/api/v5/auth/refresh", headers: JSON_TYPE, body: JSON.stringify({ refresh_token: refreshToken }) });
  const next = (await refresh(bob.refreshToken)).json();
  const again = (await refresh(next.refresh_token)).json();
  assert.equal((await refresh(bob.refreshToken)).status, 401);
  assert.equal((await refresh(again.refresh_token)).status, 401);
  assert.equal((await status(foreign, theirs)).status, 401);
});

test("addresses and paths that mean two things mean nothing", async (t) => {
  const { installation } = await setUp(t);
  const ada = await Program.register(installation, { name: "Ada", email: "ada@example.com" });
  const mine = await ada.workspace("mine");
  const { grant } = await ada.grant(mine);
  const { port } = installation;
  const send = async (target, lines) => {
    const answer = await askRaw(installation, [`GET ${target} HTTP/1.1`, ...lines, "Connection: close", "", ""].join("\r\n"));
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), answer };
  };
  const good = `Host: localhost:${port}`;
  assert.equal((await send("/health", [good])).status, 200);
  assert.equal((await send("/health", [`Host: COditect.LOCALhost:${port}`])).status, 200);
  for (const [lines, status] of [
    [[], 400],
    [["Host: "], 400],
    [[good, "Host: evil.example"], 400],
    [[good, good], 400],
    [["Host: evil.example"], 421],
    [[`Host: coditect.localhost.:${port}`], 421],
    [["Host: coditect.localhost"], 421],
    [[`Host: evil.coditect.localhost:${port}`], 421],
    [[`Host: user@coditect.localhost:${port}`], 400],
    [[`Host: coditect.localhost:${port}/evil`], 400],
    [["Host: evil.example", `X-Forwarded-Host: localhost:${port}`], 421],
    [[`Host: 65536--${mine.label}.coditect.localhost:${port}`], 421],
    [[`Host: 22@--${mine.label}.coditect.localhost:${port}`], 400],
  ]) {
    const { status: got, answer } = await send("/health", lines);
    assert.equal(got, status, `${lines.join(" | ")}: ${answer}`);
  }
  assert.equal((await send("http://evil.example/health", [good])).status, 400);
  assert.equal((await send(`http://localhost:${port}/health`, [good])).status, 200);
  // What leads to the login page never leads anywhere else.
  const led = await send("//evil.example/%2F..", [`Host: localhost:${port}`, "Sec-Fetch-Mode: navigate"]);
  assert.ok(led.answer.split("\r\n").filter((line) => /^location:/i.test(line)).every((line) => line.includes(`${installation.origin}/`)), led.answer);

  const bearer = `Authorization: Bearer ${grant}`;
  assert.equal((await send(`/w/${mine.label}/v1/status`, [good, bearer])).status, 200);
  for (const target of [
    `/w/${mine.label}/v1/../../../health`, `/w/${mine.label}/v1/%2e%2e/%2e%2e/health`, `/w/${mine.label}/v1/..%2f..%2fhealth`,
    `/w/${mine.label}/v1//status`, `/w//${mine.label}/v1/status`, `//w/${mine.label}/v1/status`, `/w/${mine.label}/v1/./status`,
    `/w/${mine.label}/v1/status@evil.example/`, `/w/${mine.label}/v1/status;x`, `/w/${mine.label}/v2/status`, `/w/${mine.label}/internal/stop`,
    `/w/${mine.id}/v1/status`, `/w/${mine.label.toUpperCase()}/v1/status`, `/w/x/../${mine.label}/v1/status`, `/w/%2e%2e/v1/status`, `/w/`,
  ]) {
    const { status, answer } = await send(target, [good, bearer]);
    const shell = /content-type: text\/html/i.test(answer) && status === 200;
    assert.ok(status >= 400 || shell, `${target}: ${answer}`);
    assert.doesNotMatch(answer, /uptime_s|"workspace_id"/, target);
  }
  // Two lengths, or a length and chunks: nothing may be smuggled behind a request.
  for (const lines of [
    ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 0", "Transfer-Encoding: chunked"], ["Transfer-Encoding: chunked, identity"],
    ["Content-Length: +5"], ["Content-Length: 5, 5x"],
  ]) {
    const answer = await askRaw(installation, [
      "POST /api/v5/auth/login HTTP/1.1", good, ...lines, "", "0", "", "GET /api/v5/openapi.json HTTP/1.1", good, "Connection: close", "", "",
    ].join("\r\n"));
    assert.doesNotMatch(answer, /"openapi":/, lines.join(" | "));
  }
});

test("large, deep and wrong bodies, unusual names: refused in words or kept as they are, and the log stays clean", async (t) => {
  const settings = { CODITECT_LOG: "debug", CODITECT_TRUSTED_PROXIES: "127.0.0.1" };
  const { installation, browsers: [browser] } = await setUp(t, { browsers: 1, settings });
  const post = (to, body, headers = {}) => ask(installation, { method: "POST", path: `/api/v5${to}`, headers: { ...JSON_TYPE, ...headers }, body });
  const valid = { email: "x@example.com", password: PASSWORD, name: "X" };
  const deep = (open, close) => open.repeat(100_000) + close.repeat(100_000);
  for (const [body, status, type] of [
    [JSON.stringify({ ...valid, name: "x".repeat(1_000_000) }), 413],
    [deep("[", "]"), 400],
    [`{"email":${deep('{"a":', "}").slice(0, 200_000)}`, 400],
    ["", 400], ["null", 400], ["[]", 400], ['"x"', 400], ["{", 400], ["\u0000", 400], [Buffer.from([0xff, 0xfe]), 400],
    [JSON.stringify({ ...valid, email: 7 }), 400], [JSON.stringify({ ...valid, name: ["a"] }), 400], [JSON.stringify({ ...valid, admin: true }), 400],
    [JSON.stringify({ ...valid, delivery: "both" }), 400],
    [`{"email":"a@example.com","email":"b@example.com","password":"${PASSWORD}","name":"X"}`, 400],
    [JSON.stringify(valid), 415, "text/plain"],
    [JSON.stringify({ ...valid, password: "p".repeat(257) }), 422],
    [JSON.stringify({ ...valid, password: "short" }), 422],
    [JSON.stringify({ ...valid, email: "x@example.com\r\nSet-Cookie: a=b" }), 422],
    [JSON.stringify({ ...valid, name: "a\u001b[31mred" }), 422], [JSON.stringify({ ...valid, name: "a\u202egnp.exe" }), 422],
    [JSON.stringify({ ...valid, name: "a\nb ERROR forged=line" }), 422], [JSON.stringify({ ...valid, name: "\u200b" }), 422],
    [JSON.stringify({ ...valid, name: "" }), 422], [JSON.stringify({ ...valid, name: "x".repeat(65) }), 422],
  ]) {
    const answer = await post("/auth/register", body, type ? { "content-type": type } : {});
    const shown = body.toString().slice(0, 80);
    assert.equal(answer.status, status, `${shown}: ${answer.text}`);
    const { error } = answer.json();
    assert.ok(error.message.length > 10 && error.request_id.startsWith("req_"), shown);
  }
  assert.equal((await post("/auth/register", JSON.stringify(valid))).status, 201, "nothing of these attempts stays");

  // Names from everywhere arrive as they were typed, in API and page.
  const people = ["Nguyễn Thị Minh Khai", "محمد بن سلمان", "田中さくら", "👩‍🚀 Sally <b>bold</b>", "O’Brien-Łoś & \"Söhne\"", "Ṱ̴̈ḧ̶́e"];
  for (const [number, name] of people.entries()) {
    const email = number === 0 ? "josé@exämple.de" : `person${number}@example.com`;
    const person = await Program.register(installation, { name, email });
    assert.equal((await person.call("GET", "/auth/me")).user.name, name.normalize("NFC"));
    assert.equal((await post("/auth/login", JSON.stringify({ email: email.toUpperCase(), password: PASSWORD }))).status, 200, email);
    const workspace = await person.call("POST", "/workspaces", { name: `${name}`, start: false });
    assert.equal(workspace.name, name.normalize("NFC"));
  }
  const page = await browser.context.newPage();
  for (const number of [1, 3, 5]) {
    await logIn(page, installation.origin, `person${number}@example.com`);
    const card = page.getByTestId("workspace-card");
    await card.waitFor();
    assert.equal((await card.getByRole("heading").textContent()).trim(), people[number].normalize("NFC"));
    await screenshot(page, `names-${number}`);
    await page.getByTestId("user-menu").click();
    await page.getByRole("menuitem", { name: "Log out" }).click();
    await page.waitForURL((url) => url.pathname === "/login");
  }

  // File names of any bytes, through the agent.
  const odd = await Program.register(installation, { name: "Odd", email: "odd@example.com" });
  const workspace = await odd.workspace("odd");
  execute(installation, workspace, "printf x > \"$(printf 'a\\nb')\"; printf y > \"$(printf '\\377\\033[31m')\"; printf z > '<img src=x>'");
  const { grant } = await odd.grant(workspace);
  const inside = (to, more = {}) => ask(installation, { ...more, path: `/w/${workspace.label}/v1/files/${to}`, headers: { ...JSON_TYPE, authorization: `Bearer ${grant}` } });
  const { entries } = (await inside("list?path=%2Fworkspace")).json();
  assert.equal(entries.length, 3);
  for (const entry of entries) {
    const read = await inside(`read?path=${encodeURIComponent(entry.path)}`);
    assert.equal(read.status, 200, entry.name);
    assert.match(read.text, /^[xyz]$/);
    assert.doesNotMatch(JSON.stringify(read.headers), /[\u0000-\u001f]/);
  }
  // The agent refuses while the body is still on its way; the refusal arrives all the same, every time.
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const answer = await inside("mkdir", { method: "POST", body: deep("[".repeat(1 + 10 * (attempt % 2)), "]") });
    assert.equal(answer.status, 413, answer.text);
  }
  for (const body of ["[".repeat(20_000), JSON.stringify({ path: "relative" }), JSON.stringify({ path: 5 }), "{"]) {
    const answer = await inside("mkdir", { method: "POST", body });
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text);
  }

  // What strangers send is not in the log, and nothing in it moves a terminal's cursor.
  await askRaw(installation, "GET /\x1b[31m HTTP/1.1\r\nHost: x\x1b]0;evil\x07\r\n\r\n");
  await ask(installation, { path: "/api/v5/%1b%5b31m%0aforged", headers: { "user-agent": "evil-agent", "x-forwarded-for": "evil-address" } });
  await ask(installation, { host: "evil-host.example", path: "/evil-path" });
  assert.ok(installation.output.length > 1000, "the log is there");
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(installation.output, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  assert.doesNotMatch(installation.output, /correct horse|evil-agent|evil-address|forged|eyJ|josé/);
});

test("slow connections and a storm of logins leave room for others", async (t) => {
  const { installation } = await setUp(t, { settings: { CODITECT_TRUSTED_PROXIES: "127.0.0.1" } });
  const slow = [];
  t.after(() => slow.forEach((socket) => socket.destroy()));
  for (let number = 0; number < 400; number += 1) {
    const socket = connect(installation.port, "127.0.0.1");
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write(number % 2 ? "GET / HT" : `POST /api/v5/auth/login HTTP/1.1\r\nHost: localhost:${installation.port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
    slow.push(socket);
  }
  assert.equal((await ask(installation, { path: "/health" })).status, 200);
  const ada = await Program.register(installation, { name: "Ada", email: "ada@example.com" });

  let pending = 200;
  const storm = Array.from({ length: pending }, async (_, number) => {
    const body = JSON.stringify({ email: `nobody${number}@example.com`, password: PASSWORD });
    const answer = await ask(installation, {
      method: "POST", path: "/api/v5/auth/login", body, headers: { ...JSON_TYPE, "x-forwarded-for": `192.0.2.${number}` },
    });
    pending -= 1;
    return answer.status;
  });
  for (let number = 0; number < 10; number += 1) {
    const [health, mine] = await Promise.all([ask(installation, { path: "/health" }), ada.ask("GET", "/auth/me")]);
    assert.deepEqual([health.status, mine.status], [200, 200]);
  }
  assert.ok(pending > 0, "health was answered while logins were still being checked");
  const answers = new Set(await Promise.all(storm));
  for (const status of answers) assert.ok([401, 429, 503].includes(status), `a login was answered with ${status}`);
  assert.ok(answers.has(401), "some passwords were looked at");
  assert.equal(slow.filter((socket) => !socket.destroyed).length, slow.length, "they were still there all the time");
});

/** Process ids whose parent is `parent` and whose command line ends with `word`. */
function childrenOf(parent, word) {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean);
      return Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]) === parent && command.at(-1) === word;
    } catch {
      return false;
    }
  });
}

test("an agent or the launcher that is killed costs its own workspace at most, and says so", async (t) => {
  const { installation, browsers: [browser] } = await setUp(t, { browsers: 1 });
  const ada = await Program.register(installation, { name: "Ada", email: "ada@example.com" });
  const [one, two] = [await ada.workspace("one"), await ada.workspace("two")];
  const record = () => JSON.parse(readFileSync(path.join(installation.dataDir, "run", one.label, "sandbox.json"), "utf8"));
  const first = record().pid;
  const page = await browser.context.newPage();
  await logIn(page, installation.origin, "ada@example.com");
  await page.goto(`${installation.origin}/workspaces/${one.id}`);
  await prompt(page);
  execute(installation, one, "echo kept > /workspace/kept.txt");
  process.kill(first, "SIGKILL");
  const stopped = await until("the workspace has stopped", async () => {
    const now = await ada.call("GET", `/workspaces/${one.id}`);
    return now.state === "stopped" && now;
  });
  assert.match(stopped.reason, /\w+ \w+ \w+/, "it says why");
  assert.equal((await ada.call("GET", `/workspaces/${two.id}`)).state, "running");
  const refused = installation.cliOutcome(["workspace", "exec", one.id, "--", "true"]);
  assert.equal(refused.code, 7, refused.stderr);
  // The open page says so too, and leads on.
  const veil = page.getByTestId("workspace-stopped");
  await veil.waitFor();
  assert.match(await veil.textContent(), /has stopped.*Your files are safe/);
  await veil.getByRole("button", { name: "Start again" }).click();
  await veil.waitFor({ state: "detached" });
  await prompt(page);
  assert.notEqual(record().pid, first);
  assert.equal(execute(installation, one, "cat /workspace/kept.txt"), "kept\n");

  const [launcher, ...more] = childrenOf(installation.process.pid, "launcher");
  assert.ok(launcher && more.length === 0, "there is one launcher");
  process.kill(launcher, "SIGKILL");
  const three = await ada.workspace("three");
  assert.equal(execute(installation, three, "echo runs"), "runs\n");
  assert.notDeepEqual(childrenOf(installation.process.pid, "launcher"), [launcher]);
  for (const workspace of [one, two]) assert.equal((await ada.call("GET", `/workspaces/${workspace.id}`)).state, "running");
});

test("a data directory has one server, a port one listener; both are said clearly", async (t) => {
  const { installation } = await setUp(t);
  const other = await Installation.create();
  t.after(() => other.dispose());
  const environment = { CODITECT_LISTEN: `127.0.0.1:${other.port}` };
  const second = installation.cliOutcome(["serve"], { environment });
  assert.notEqual(second.code, 0);
  assert.match(second.stderr, /^coditect: .*(in use|another|already)/m);
  assert.ok(await installation.healthy(), "the first goes on");
  assert.match(installation.cli("user", "list"), /\w/, "its operator's token is still good");

  const busy = other.cliOutcome(["serve"], { environment: { CODITECT_LISTEN: `127.0.0.1:${installation.port}` } });
  assert.notEqual(busy.code, 0);
  assert.match(busy.stderr, new RegExp(`^coditect: 127\\.0\\.0\\.1:${installation.port} is in use by another program; set \`listen\``, "m"));
  const wrong = other.cliOutcome(["serve"], { environment: { CODITECT_LISTEN: "nowhere", CODITECT_REGISTRATION: "maybe" } });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /listen: .*\n.*registration: /);
});

test("the command line goes round: accounts, workspaces, commands with input and exit codes", async (t) => {
  const { installation } = await setUp(t);
  const json = (...words) => JSON.parse(installation.cli("--json", ...words));
  const run = (words, options) => installation.cliOutcome(words, options);
  const logsIn = async (password) => (await ask(installation, {
    method: "POST", path: "/api/v5/auth/login", headers: JSON_TYPE, body: JSON.stringify({ email: "grace@example.com", password }),
  })).status;

  assert.deepEqual(json("user", "list"), []);
  const made = json("user", "add", "grace@example.com", "--name", "Grace Hopper", "--tier", "pro");
  assert.equal(made.user.name, "Grace Hopper");
  assert.equal(await logsIn(made.password), 200);
  const twice = run(["--json", "user", "add", "grace@example.com"]);
  assert.equal(twice.code, 5);
  assert.equal(JSON.parse(twice.stderr).error.kind, "conflict");
  assert.match(installation.cli("user", "list"), /grace@example\.com\s+Grace Hopper\s+pro\s+owner\s+active/);
  const chosen = run(["user", "reset-password", "grace@example.com", "--password-stdin"], { input: `${PASSWORD}\n` });
  assert.equal(chosen.code, 0, chosen.stderr);
  assert.doesNotMatch(chosen.stdout, /correct horse/);
  assert.deepEqual([await logsIn(made.password), await logsIn(PASSWORD)], [401, 200]);
  const reset = json("user", "reset-password", made.user.id);
  assert.equal(await logsIn(reset.password), 200);
  assert.equal(run(["user", "reset-password", "nobody@example.com"]).code, 4);

  const login = await ask(installation, {
    method: "POST", path: "/api/v5/auth/login", headers: JSON_TYPE, body: JSON.stringify({ email: "grace@example.com", password: reset.password }),
  });
  const grace = new Program(installation, login.json());
  const workspace = await grace.call("POST", "/workspaces", { name: "compiler", start: false });
  assert.deepEqual(json("workspace", "list").map(({ id, state }) => [id, state]), [[workspace.id, "stopped"]]);
  assert.equal(json("workspace", "start", "compiler").state, "running");
  const exec = (argv, options) => run(["workspace", "exec", "compiler", "--", ...argv], options);
  const bytes = "α\u0000β\r\n".repeat(50_000);
  assert.deepEqual(exec(["cat"], { input: bytes }), { code: 0, stdout: bytes, stderr: "" });
  assert.deepEqual(exec(["sh", "-c", "echo out; echo err >&2; exit 37"]), { code: 37, stdout: "out\n", stderr: "err\n" });
  assert.equal(exec(["sh", "-c", "kill -9 $$"]).code, 137);
  assert.deepEqual(exec(["printf", "%s|", "a b", "$HOME", "*"]), { code: 0, stdout: "a b|$HOME|*|", stderr: "" });
  assert.equal(run(["workspace", "exec", "compiler", "--cwd", "/tmp", "--", "pwd"]).stdout, "/tmp\n");
  const missing = exec(["no-such-program"]);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /no-such-program/);
  assert.equal(json("workspace", "stop", workspace.id).state, "stopped");
  assert.equal(exec(["true"]).code, 7);
  assert.equal(run(["workspace", "start", "no-such"]).code, 4);
  assert.equal(run(["workspace", "explode"]).code, 2);
  assert.equal(run(["user", "list", "--server", installation.local, "--token", "wrong"]).code, 3);
  const theirs = run(["--json", "workspace", "list", "--server", installation.local, "--token", grace.token]);
  assert.equal(theirs.code, 3, "everybody's workspaces are the administrator's to list");
});
