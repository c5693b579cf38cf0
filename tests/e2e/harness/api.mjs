// Talks to an installation as a program does: plain HTTP with whatever headers a test wants to send.
import assert from "node:assert/strict";
import http from "node:http";
import { connect } from "node:net";
import { PASSWORD } from "./app.mjs";

/** One request on a connection of its own. `host` is the name asked for; the connection always goes to loopback. */
export function ask(installation, { host = `localhost:${installation.port}`, method = "GET", path = "/", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: "127.0.0.1", port: installation.port, method, path, agent: false, headers: { host, ...headers } },
      (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString();
          resolve({ status: answer.statusCode, headers: answer.headers, bytes, text, json: () => JSON.parse(text) });
        });
      },
    );
    // An answer that comes before the whole body was sent may cut the rest off.
    request.on("error", (error) => reject(error));
    request.on("upgrade", (answer, socket) => {
      socket.destroy();
      resolve({ status: answer.statusCode, headers: answer.headers, bytes: Buffer.alloc(0), text: "" });
    });
    request.end(body);
  });
}

/** Sends bytes as they are and answers everything that comes back until the server closes. */
export function askRaw(installation, text) {
  return new Promise((resolve, reject) => {
    const socket = connect(installation.port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("data", (part) => (answer += part));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

/** Headers of a WebSocket handshake. */
export function handshake(headers = {}) {
  return {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "coditect.v1",
    ...headers,
  };
}

/** A user who comes by program: bearer tokens, no cookies. */
export class Program {
  constructor(installation, loggedIn) {
    this.installation = installation;
    this.user = loggedIn.user;
    this.token = loggedIn.access_token;
    this.refreshToken = loggedIn.refresh_token;
  }

  static async register(installation, { name, email, ...more }) {
    const body = JSON.stringify({ name, email, password: PASSWORD, ...more });
    const headers = { "content-type": "application/json" };
    const answer = await ask(installation, { method: "POST", path: "/api/v5/auth/register", headers, body });
    assert.equal(answer.status, 201, answer.text);
    return new Program(installation, answer.json());
  }

  /** A request to the control API; answers whatever it answers. */
  ask(method, path, body, headers = {}) {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    return ask(this.installation, {
      method,
      path: `/api/v5${path}`,
      headers: { authorization: `Bearer ${this.token}`, ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  /** The same, where success is expected. */
  async call(method, path, body) {
    const answer = await this.ask(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.text === "" ? null : answer.json();
  }

  /** A running workspace. */
  async workspace(name) {
    const made = await this.call("POST", "/workspaces?wait_ms=20000", { name });
    assert.equal(made.state, "running", made.reason);
    return made;
  }

  /** Access to a workspace of one's own: path, grant and so on. */
  grant(workspace) {
    return this.call("POST", `/workspaces/${workspace.id}/grant`, {});
  }
}

/** Host name and port of an origin of a workspace. */
export function siteHost(installation, workspace, place) {
  return `${place}--${workspace.label}.coditect.localhost:${installation.port}`;
}
