// Runs the real `coditect` binary on a port and a data directory of its own, and proves at the end that nothing is left.
import { spawn, spawnSync, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, existsSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const BINARY = path.join(ROOT, "target/debug/coditect");
const AGENT = path.join(ROOT, "target/test/coditect-agent");
const START_DEADLINE_MS = 30_000;

/** Waits until `probe` answers something truthy; fails with `what` after the deadline. */
export async function until(what, probe, deadlineMs = 40_000) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms${last ? ` (${last.message})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Installation {
  /** Makes a data directory and a port; nothing runs yet. `settings` are further `CODITECT_…` variables. */
  static async create(settings = {}) {
    const installation = new Installation();
    installation.settings = settings;
    installation.dataDir = mkdtempSync(path.join(tmpdir(), "coditect-e2e-"));
    installation.port = await freePort();
    installation.origin = `http://coditect.localhost:${installation.port}`;
    /** For programs of this test, whose resolver may not know `*.localhost`. */
    installation.local = `http://localhost:${installation.port}`;
    return installation;
  }

  environment() {
    return {
      PATH: process.env.PATH,
      CODITECT_LISTEN: `127.0.0.1:${this.port},[::1]:${this.port}`,
      CODITECT_DATA_DIR: this.dataDir,
      CODITECT_AGENT_BINARY: AGENT,
      CODITECT_LOG: process.env.CODITECT_E2E_LOG ?? "info",
      ...this.settings,
    };
  }

  /** Starts the server and waits until it says that it is ready. */
  async start() {
    this.output = "";
    this.process = spawn(BINARY, ["serve"], { env: this.environment(), stdio: ["ignore", "pipe", "pipe"] });
    this.exited = new Promise((resolve) => this.process.once("exit", (code, signal) => resolve({ code, signal })));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.output += text;
        if (process.env.CODITECT_E2E_LOG) process.stderr.write(text);
      });
    }
    let ended = false;
    this.exited.then(() => (ended = true));
    await until("the server is ready", () => {
      if (ended) throw new Error(`the server ended:\n${this.output}`);
      return this.output.includes("Coditect is ready at") && this.healthy();
    }, START_DEADLINE_MS).catch((error) => {
      throw new Error(`${error.message}\n${this.output}`);
    });
    this.setupLink = /http\S+\/setup#\S+/.exec(this.output)?.[0];
  }

  async healthy() {
    const answer = await fetch(`${this.local}/health/ready`);
    return answer.ok;
  }

  /** Sends a signal to the server and waits for its end. */
  async kill(signal) {
    this.process.kill(signal);
    return this.exited;
  }

  /** Runs the command line against this installation; answers its standard output. */
  cli(...words) {
    return execFileSync(BINARY, words, { env: this.environment(), encoding: "utf8", timeout: 60_000 });
  }

  /** The same for a command that may fail or wants input: answers its exit code and both outputs. */
  cliOutcome(words, { input = "", environment = {} } = {}) {
    const env = { ...this.environment(), ...environment };
    const { status, stdout, stderr, error } = spawnSync(BINARY, words, { env, input, encoding: "utf8", timeout: 60_000 });
    if (error) throw error;
    return { code: status, stdout, stderr };
  }

  /** Stops everything, proves that nothing is left, and removes the data directory. */
  async dispose() {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) {
      const { code } = await this.kill("SIGTERM");
      if (code !== 0) throw new Error(`serve ended with ${code} when told to stop:\n${this.output}`);
    }
    this.cli("serve", "--stop-all");
    const listed = JSON.parse(this.cli("--json", "workspace", "list"));
    if (listed.length) throw new Error(`workspaces are left: ${JSON.stringify(listed)}`);
    const left = this.leftovers();
    if (left.length) throw new Error(`left behind:\n${left.join("\n")}`);
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Everything of this installation that still exists on the machine: processes, mounts, cgroups, sockets. */
  leftovers() {
    const left = [];
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        if (Number(pid) !== process.pid && (environment.includes(this.dataDir) || command.includes(this.dataDir))) {
          left.push(`process ${pid}: ${command}`);
        }
      } catch {
        // It ended while we looked.
      }
    }
    for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
      if (line.includes(this.dataDir)) left.push(`mount: ${line}`);
    }
    const hostId = path.join(this.dataDir, "host/id");
    if (existsSync(hostId)) {
      const instance = `coditect-${readFileSync(hostId, "utf8").trim().slice("host_".length, "host_".length + 8)}`;
      const found = execFileSync("find", ["/sys/fs/cgroup", "-path", `*${instance}/*`, "-type", "d"], { encoding: "utf8" });
      for (const line of found.split("\n").filter(Boolean)) left.push(`cgroup: ${line}`);
    }
    const run = path.join(this.dataDir, "run");
    for (const name of existsSync(run) ? readdirSync(run) : []) left.push(`run directory: ${name}`);
    return left;
  }
}
