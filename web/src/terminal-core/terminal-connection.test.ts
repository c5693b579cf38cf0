// @vitest-environment node
import { describe, expect, it } from "vitest";
import { FakeAgent, FakeWorld, settle } from "./fake-agent";
import { ACK_EVERY_BYTES, ACK_EVERY_MS, type Emulator, TerminalConnection, type TerminalState } from "./terminal-connection";

/** Keeps what was drawn since the last reset; draws at once, or when told to. */
class Screen implements Emulator {
  text = "";
  resets = 0;
  sizes: string[] = [];
  slow = false;
  #waiting: (() => void)[] = [];

  write(bytes: Uint8Array, done: () => void): void {
    this.text += new TextDecoder().decode(bytes);
    if (this.slow) this.#waiting.push(done);
    else done();
  }

  reset(): void {
    this.text = "";
    this.resets += 1;
  }

  resize(cols: number, rows: number): void {
    this.sizes.push(`${cols}x${rows}`);
  }

  drawAll(): void {
    this.#waiting.splice(0).forEach((done) => done());
  }
}

function setup(options: { exists?: () => Promise<boolean>; chance?: () => number } = {}) {
  const world = new FakeWorld(options.chance);
  const agent = new FakeAgent();
  const screen = new Screen();
  const states: TerminalState[] = [];
  const titles: string[] = [];
  const connection = new TerminalConnection({
    env: world,
    emulator: screen,
    address: (since) =>
      Promise.resolve({ url: `ws://here/attach${since === null ? "" : `?since=${since}`}`, protocols: ["coditect.v1"] }),
    exists: options.exists ?? (() => Promise.resolve(true)),
    onState: (state) => states.push(state),
    onTitle: (title) => titles.push(title),
    onTerminal: () => undefined,
  });
  const accept = async () => {
    await settle();
    const socket = world.latest;
    if (!socket) throw new Error("no socket was opened");
    agent.accept(socket);
    return socket;
  };
  return { world, agent, screen, states, titles, connection, accept };
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const text = (bytes: number[]) => new TextDecoder().decode(new Uint8Array(bytes));

describe("input", () => {
  const typed = "echo “wörld” && ls";
  const length = new TextEncoder().encode(typed).length;

  it("arrives exactly once wherever the connection is cut", async () => {
    for (let cut = 0; cut <= length; cut += 1) {
      for (const acknowledged of [true, false]) {
        const { world, agent, connection, accept } = setup();
        connection.start();
        const first = await accept();
        connection.send(typed);
        agent.readInput(cut, acknowledged);
        first.cut();
        await world.pass(200);
        await accept();
        agent.readInput();
        expect(text(agent.taken), `cut after ${cut}`).toBe(typed);
        expect(connection.state.pendingInput).toBe(0);
      }
    }
  });

  it("arrives exactly once under any sequence of cuts, partial reads and late acknowledgements", async () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const chance = random(seed);
      const { world, agent, connection, accept } = setup({ chance });
      connection.start();
      let socket = await accept();
      let expected = "";
      for (let step = 0; step < 60; step += 1) {
        const what = chance();
        if (what < 0.45) {
          const part = `${step}${"äb".repeat(Math.floor(chance() * 4))};`;
          expected += part;
          expect(connection.send(part)).toBe(true);
        } else if (what < 0.75) agent.readInput(Math.floor(chance() * 12), chance() < 0.5);
        else {
          socket.cut();
          if (chance() < 0.5) {
            const part = `offline${step};`;
            expected += part;
            connection.send(part);
          }
          await world.pass(6000);
          socket = await accept();
        }
      }
      agent.readInput();
      expect(text(agent.taken), `seed ${seed}`).toBe(expected);
    }
  });

  it("is refused visibly, and whole, when too much is waiting", async () => {
    const { connection, states } = setup();
    connection.start();
    await settle();
    expect(connection.send(new Uint8Array(1024 * 1024))).toBe(true);
    expect(connection.send("x")).toBe(false);
    expect(states.at(-1)).toMatchObject({ inputFull: true, pendingInput: 1024 * 1024 });
  });

  it("is not typed twice when the agent has forgotten this client", async () => {
    const { world, agent, connection, accept } = setup();
    connection.start();
    const socket = await accept();
    connection.send("rm -rf build\n");
    agent.readInput(5, false);
    socket.cut();
    connection.send("ls\n");
    agent.taken = [];
    await world.pass(200);
    // The agent counts from the start again, but what it did is done.
    world.latest?.open();
    world.latest?.frame({
      type: "hello",
      terminal: { id: "t", name: "", title: "", cols: 80, rows: 24, pid: 1, created_at: 0, clients: 1 },
      offset: 0,
      input_offset: 99,
    });
    const binary = world.latest?.sent.filter((item) => typeof item !== "string").map((item) => text([...(item as Uint8Array)]));
    expect(binary).toEqual(["ls\n"]);
    expect(connection.state.pendingInput).toBe(3);
  });
});

describe("output", () => {
  it("asks for a whole screen first, and continues by offset after a cut", async () => {
    const { world, agent, screen, connection, accept } = setup();
    agent.print("old");
    connection.start();
    const socket = await accept();
    expect(socket.url).toBe("ws://here/attach");
    expect(socket.protocols).toEqual(["coditect.v1"]);
    expect(screen.text).toBe("<screen 3>");
    agent.print("new");
    agent.sendOutput(2);
    socket.cut();
    await world.pass(200);
    const next = await accept();
    expect(next.url).toBe("ws://here/attach?since=5");
    agent.sendOutput();
    expect(screen.text).toBe("<screen 3>new");
    expect(screen.resets).toBe(1);
  });

  it("is drawn exactly once under any sequence of cuts", async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const chance = random(seed * 7919);
      const { world, agent, screen, connection, accept } = setup({ chance });
      connection.start();
      let socket = await accept();
      for (let step = 0; step < 40; step += 1) {
        agent.print(`${step},`);
        agent.sendOutput(Math.floor(chance() * 9));
        if (chance() < 0.3) {
          socket.cut();
          await world.pass(6000);
          socket = await accept();
        }
      }
      agent.sendOutput();
      expect(screen.text, `seed ${seed}`).toBe(`<screen 0>${new TextDecoder().decode(agent.output)}`);
      expect(screen.resets).toBe(1);
    }
  });

  it("is replaced by a screen when the agent no longer has what is missing", async () => {
    const { world, agent, screen, connection, accept } = setup();
    connection.start();
    const socket = await accept();
    agent.print("abc");
    agent.sendOutput();
    socket.cut();
    agent.print("a long time");
    agent.ringStart = 8;
    await world.pass(200);
    await accept();
    expect(screen.text).toBe("<screen 14>");
    agent.print("!");
    agent.sendOutput();
    expect(screen.text).toBe("<screen 14>!");
  });

  it("asks for a new screen when the connection was cut inside of one", async () => {
    const { world, agent, screen, connection, accept } = setup();
    connection.start();
    await settle();
    const socket = world.latest;
    socket?.open();
    socket?.frame({
      type: "hello",
      terminal: { id: "t", name: "", title: "", cols: 80, rows: 24, pid: 1, created_at: 0, clients: 1 },
      offset: 4,
      input_offset: 0,
    });
    socket?.frame({ type: "screen", offset: 4, bytes: 10, cols: 80, rows: 24 });
    socket?.bytes(new TextEncoder().encode("half"));
    socket?.cut();
    agent.print("1234");
    await world.pass(200);
    const next = await accept();
    expect(next.url).toBe("ws://here/attach");
    expect(screen.text).toBe("<screen 4>");
  });

  it("splits a frame that holds the end of a screen and the output behind it", async () => {
    const { world, screen, connection } = setup();
    connection.start();
    await settle();
    world.latest?.open();
    world.latest?.frame({
      type: "hello",
      terminal: { id: "t", name: "", title: "", cols: 80, rows: 24, pid: 1, created_at: 0, clients: 1 },
      offset: 10,
      input_offset: 0,
    });
    world.latest?.frame({ type: "screen", offset: 10, bytes: 3, cols: 100, rows: 30 });
    world.latest?.bytes(new TextEncoder().encode("scrout"));
    expect(screen.text).toBe("scrout");
    expect(screen.sizes).toEqual(["100x30"]);
    await world.pass(ACK_EVERY_MS);
    expect(world.latest?.sent).toEqual([JSON.stringify({ type: "ack", offset: 13 })]);
  });
});

describe("acknowledgement", () => {
  it("follows drawing, not arrival, and is gathered over a short time", async () => {
    const { world, agent, screen, connection, accept } = setup();
    connection.start();
    await accept();
    screen.slow = true;
    agent.print("hello");
    agent.sendOutput();
    await world.pass(1000);
    agent.readInput();
    expect(agent.acks).toEqual([]);
    screen.drawAll();
    await world.pass(ACK_EVERY_MS);
    agent.readInput();
    expect(agent.acks).toEqual([5]);
  });

  it("goes out at once when much was drawn", async () => {
    const { agent, connection, accept } = setup();
    connection.start();
    await accept();
    agent.print("x".repeat(ACK_EVERY_BYTES));
    agent.sendOutput();
    agent.readInput();
    expect(agent.acks).toEqual([ACK_EVERY_BYTES]);
  });

  it("never counts what was drawn before a reset", async () => {
    const { world, agent, screen, connection, accept } = setup();
    connection.start();
    const socket = await accept();
    screen.slow = true;
    agent.print("x".repeat(50));
    agent.sendOutput();
    socket.cut();
    agent.ringStart = 60;
    agent.print("y".repeat(20));
    await world.pass(200);
    await accept();
    screen.drawAll();
    await world.pass(1000);
    agent.readInput();
    expect(agent.acks).toEqual([]);
  });
});

describe("life", () => {
  it("waits longer from attempt to attempt, and not at all when the network wakes", async () => {
    const { world, connection } = setup();
    connection.start();
    await settle();
    world.refuse = true;
    world.latest?.cut();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      const { link } = connection.state;
      if (link.kind !== "waiting") throw new Error(`it is ${link.kind}`);
      waits.push(link.retryAt - world.time);
      await world.pass(link.retryAt - world.time);
    }
    expect(waits).toEqual([75, 150, 300, 600, 1200, 2400, 3750, 3750, 3750]);
    world.refuse = false;
    const before = world.sockets.length;
    world.wake();
    await settle();
    expect(world.sockets.length).toBe(before + 1);
  });

  it("gives a silent handshake up", async () => {
    const { world, connection } = setup();
    connection.start();
    await world.pass(10_000);
    expect(world.sockets[0]?.closed).toBe(true);
    await world.pass(200);
    expect(world.sockets.length).toBe(2);
  });

  it("stays away after the shell ended, and says with which code", async () => {
    const { world, connection, accept } = setup();
    connection.start();
    const socket = await accept();
    socket.frame({ type: "exit", code: 7 });
    socket.cut();
    await world.pass(60_000);
    expect(world.sockets.length).toBe(1);
    expect(connection.state).toMatchObject({ exitCode: 7, link: { kind: "stopped" } });
    expect(connection.send("x")).toBe(false);
  });

  it("ends when the agent does not know the terminal any more", async () => {
    const { world, connection } = setup({ exists: () => Promise.resolve(false) });
    connection.start();
    await settle();
    world.latest?.cut();
    await world.pass(200);
    world.latest?.cut();
    await world.pass(60_000);
    expect(connection.state.gone).toBe(true);
    expect(world.sockets.length).toBe(2);
  });

  it("tells its size once, and again only when it changes", async () => {
    const { world, agent, connection, accept } = setup();
    connection.resize(90, 20);
    connection.start();
    const socket = await accept();
    agent.readInput();
    socket.cut();
    await world.pass(200);
    await accept();
    agent.readInput();
    connection.resize(5000, 0);
    agent.readInput();
    expect(agent.sizes).toEqual(["90x20", "1000x1"]);
  });

  it("passes titles and sizes on, and overlooks frames it does not know", async () => {
    const { screen, titles, connection, accept } = setup();
    connection.start();
    const socket = await accept();
    socket.onmessage?.({ data: '{"type":"later"}' });
    socket.onmessage?.({ data: "no json" });
    socket.onmessage?.({ data: '{"type":"size","cols":"x","rows":1}' });
    socket.frame({ type: "title", title: "vim" });
    socket.frame({ type: "size", cols: 120, rows: 40 });
    expect(titles).toEqual(["vim"]);
    expect(screen.sizes).toEqual(["80x24", "120x40"]);
  });
});
