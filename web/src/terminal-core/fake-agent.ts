/**
 * For tests: a terminal's agent behind sockets that can be cut at any byte, with time that passes when told to.
 * Speaks the frames of `crates/api/src/terminal.rs`.
 */
import type { ServerFrame, Terminal } from "../api/types";
import type { Environment, SocketLike } from "./environment";

interface Timer {
  at: number;
  run: () => void;
}

/** Time, sockets and chance of a test. */
export class FakeWorld implements Environment {
  time = 0;
  sockets: FakeSocket[] = [];
  refuse = false;
  #timers = new Set<Timer>();
  #wakers = new Set<() => void>();

  constructor(private readonly chance: () => number = () => 0.5) {}

  get latest(): FakeSocket | undefined {
    return this.sockets.at(-1);
  }

  openSocket(url: string, protocols: string[]): SocketLike {
    if (this.refuse) throw new Error("refused");
    const socket = new FakeSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  }

  setTimer(run: () => void, ms: number): () => void {
    const timer = { at: this.time + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  now(): number {
    return this.time;
  }

  random(): number {
    return this.chance();
  }

  onWake(listener: () => void): () => void {
    this.#wakers.add(listener);
    return () => this.#wakers.delete(listener);
  }

  wake(): void {
    this.#wakers.forEach((listener) => listener());
  }

  /** Lets time pass, and everything that was promised happen. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.time = Math.max(this.time, due.at);
      due.run();
      await settle();
    }
    this.time = end;
  }
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
}

export class FakeSocket implements SocketLike {
  binaryType = "";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  /** What the client sent and nobody has read yet. */
  sent: (string | Uint8Array)[] = [];
  closed = false;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(data: string | Uint8Array): void {
    this.sent.push(typeof data === "string" ? data : data.slice());
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.onopen?.();
  }

  cut(): void {
    this.closed = true;
    this.onclose?.({ code: 1006, reason: "" });
  }

  frame(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  bytes(bytes: Uint8Array): void {
    this.onmessage?.({ data: bytes.slice().buffer });
  }
}

const TERMINAL: Terminal = {
  id: "term_0",
  name: "",
  title: "",
  cols: 80,
  rows: 24,
  pid: 1,
  created_at: 0,
  clients: 1,
};

/** The agent's side of one terminal and one client. */
export class FakeAgent {
  /** Everything the terminal has printed. */
  output = new Uint8Array();
  /** First output byte that is still kept. */
  ringStart = 0;
  /** Everything the terminal has taken from the client. */
  taken: number[] = [];
  acks: number[] = [];
  sizes: string[] = [];
  exited: number | null = null;
  /** Output position sent on the present connection. */
  #sent = 0;
  #socket: FakeSocket | null = null;

  print(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const grown = new Uint8Array(this.output.length + bytes.length);
    grown.set(this.output);
    grown.set(bytes, this.output.length);
    this.output = grown;
  }

  accept(socket: FakeSocket): void {
    this.#socket = socket;
    socket.open();
    const asked = new URL(socket.url).searchParams.get("since");
    const since = asked === null ? null : Number(asked);
    const end = this.output.length;
    const continues = since !== null && since >= this.ringStart && since <= end;
    const terminal = this.exited === null ? TERMINAL : { ...TERMINAL, exit_code: this.exited };
    socket.frame({ type: "hello", terminal, offset: continues ? since : end, input_offset: this.taken.length });
    this.#sent = continues ? since : end;
    if (continues) return;
    const screen = new TextEncoder().encode(`<screen ${end}>`);
    socket.frame({ type: "screen", offset: end, bytes: screen.length, cols: 80, rows: 24 });
    socket.bytes(screen);
  }

  /** Sends up to `max` bytes of output. */
  sendOutput(max = Number.POSITIVE_INFINITY): void {
    const part = this.output.slice(this.#sent, Math.min(this.output.length, this.#sent + max));
    if (part.length === 0) return;
    this.#sent += part.length;
    this.#socket?.bytes(part);
  }

  /** Takes up to `max` input bytes of what has arrived; the rest is lost when the connection is. */
  readInput(max = Number.POSITIVE_INFINITY, acknowledge = true): void {
    const socket = this.#socket;
    if (!socket) return;
    let left = max;
    const kept: (string | Uint8Array)[] = [];
    for (const item of socket.sent) {
      if (typeof item === "string") this.#control(item);
      else {
        const part = item.subarray(0, left);
        this.taken.push(...part);
        left -= part.length;
        if (part.length < item.length) kept.push(item.subarray(part.length));
      }
    }
    socket.sent = kept;
    if (acknowledge) socket.frame({ type: "input_ack", offset: this.taken.length });
  }

  #control(text: string): void {
    const frame = JSON.parse(text) as { type: string; offset?: number; cols?: number; rows?: number };
    if (frame.type === "ack" && frame.offset !== undefined) this.acks.push(frame.offset);
    if (frame.type === "resize") this.sizes.push(`${frame.cols}x${frame.rows}`);
  }
}
