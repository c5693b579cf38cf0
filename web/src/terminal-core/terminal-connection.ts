/**
 * One terminal over a connection that may break at any byte.
 *
 * Invariants: every input byte reaches the terminal exactly once and in order; output is drawn exactly once and in
 * order; the emulator is reset only when a rendered screen replaces what it shows; the agent is told what was drawn,
 * so that it never sends further ahead than its window.
 * Not here: the emulator (behind `Emulator`), React, grants (behind `address`).
 */
import type { ClientFrame, ServerFrame, Terminal } from "../api/types";
import type { Environment } from "./environment";
import { FRAME_MAX_BYTES, parseServerFrame, SIZE_MAX } from "./frames";
import { InputQueue } from "./input-queue";
import { type Address, type LinkState, ReconnectingSocket } from "./reconnecting-socket";

/** Drawn output is acknowledged at least this often, in bytes and milliseconds. */
export const ACK_EVERY_BYTES = 64 * 1024;
export const ACK_EVERY_MS = 50;

export interface Emulator {
  /** Draws `bytes`, then calls `done`. */
  write(bytes: Uint8Array, done: () => void): void;
  reset(): void;
  resize(cols: number, rows: number): void;
}

export interface TerminalState {
  link: LinkState;
  /** Ended by itself, with its exit code; the last screen stays. */
  exitCode: number | null;
  /** The agent does not know it any more. */
  gone: boolean;
  /** Input bytes the terminal has not taken. */
  pendingInput: number;
  /** The last input was refused because too much is waiting. */
  inputFull: boolean;
}

export interface TerminalOptions {
  env: Environment;
  emulator: Emulator;
  /** Where to attach; `since` is absent when a whole screen is wanted. */
  address: (since: number | null, attempt: number) => Promise<Address>;
  /** Asked after a connection failed before its first frame. */
  exists: () => Promise<boolean>;
  onState: (state: TerminalState) => void;
  onTitle: (title: string) => void;
  onTerminal: (terminal: Terminal) => void;
}

export class TerminalConnection {
  readonly #socket: ReconnectingSocket;
  readonly #input = new InputQueue();
  readonly #encoder = new TextEncoder();
  #state: TerminalState = { link: { kind: "idle" }, exitCode: null, gone: false, pendingInput: 0, inputFull: false };
  /** Output position received; null: what the emulator shows cannot be continued. */
  #offset: number | null = null;
  #drawn = 0;
  #acked = 0;
  #cancelAck: (() => void) | null = null;
  /** Bytes of the rendered screen still to come, and the output position behind it. */
  #screen: { left: number; offset: number } | null = null;
  #greeted = false;
  #failures = 0;
  #size: { cols: number; rows: number } | null = null;
  /** The wanted size was told to the agent; told again only when it changes, or two devices would fight over it. */
  #sizeTold = false;
  /** Counts resets, so that a write that ends after one is not acknowledged as newer output. */
  #picture = 0;

  constructor(private readonly options: TerminalOptions) {
    this.#socket = new ReconnectingSocket(options.env, {
      address: (attempt) => options.address(this.#offset, attempt),
      onOpen: () => undefined,
      onText: (text) => this.#text(text),
      onBinary: (bytes) => this.#binary(bytes),
      onDown: () => this.#down(),
      onState: (link) => this.#set({ link }),
    });
  }

  get state(): TerminalState {
    return this.#state;
  }

  start(): void {
    this.#socket.start();
  }

  dispose(): void {
    this.#cancelAck?.();
    this.#socket.stop();
  }

  /** The network is known to have changed: connect again now. */
  kick(): void {
    this.#socket.kick();
  }

  /** Queues input; false when too much is waiting already, and nothing of `data` was taken. */
  send(data: string | Uint8Array): boolean {
    if (this.#state.exitCode !== null || this.#state.gone) return false;
    const bytes = typeof data === "string" ? this.#encoder.encode(data) : data;
    const taken = this.#input.push(bytes);
    this.#flush();
    this.#set({ pendingInput: this.#input.pending, inputFull: !taken });
    return taken;
  }

  /** Asks for this size, as soon as there is a connection. */
  resize(cols: number, rows: number): void {
    const clamp = (value: number) => Math.max(1, Math.min(SIZE_MAX, Math.floor(value)));
    this.#size = { cols: clamp(cols), rows: clamp(rows) };
    this.#sizeTold = false;
    this.#tellSize();
  }

  #tellSize(): void {
    if (!this.#greeted || !this.#size || this.#sizeTold) return;
    this.#frame({ type: "resize", ...this.#size });
    this.#sizeTold = true;
  }

  #frame(frame: ClientFrame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  #flush(): void {
    if (!this.#greeted) return;
    for (let part = this.#input.take(FRAME_MAX_BYTES); part; part = this.#input.take(FRAME_MAX_BYTES)) {
      if (!this.#socket.send(part)) return;
    }
  }

  #text(text: string): void {
    const frame = parseServerFrame(text);
    if (!frame) return;
    if (frame.type === "hello") return this.#hello(frame);
    if (!this.#greeted) return;
    switch (frame.type) {
      case "screen":
        this.#picture += 1;
        this.#offset = null;
        this.#screen = { left: frame.bytes, offset: frame.offset };
        this.options.emulator.reset();
        this.options.emulator.resize(frame.cols, frame.rows);
        if (frame.bytes === 0) this.#screenDone();
        return;
      case "input_ack":
        this.#input.ack(frame.offset);
        this.#set({ pendingInput: this.#input.pending, inputFull: false });
        return;
      case "size":
        this.options.emulator.resize(frame.cols, frame.rows);
        return;
      case "title":
        this.options.onTitle(frame.title);
        return;
      case "exit":
        this.#set({ exitCode: frame.code });
    }
  }

  #hello(frame: Extract<ServerFrame, { type: "hello" }>): void {
    this.#greeted = true;
    this.#failures = 0;
    this.#socket.healthy();
    this.#input.resume(frame.input_offset);
    this.options.onTerminal(frame.terminal);
    if (this.#offset !== frame.offset) this.#offset = null;
    this.#acked = Math.min(this.#acked, frame.offset);
    this.#tellSize();
    if (this.#offset !== null) this.#ackSoon();
    this.#flush();
    this.#set({ pendingInput: this.#input.pending, exitCode: frame.terminal.exit_code ?? null });
  }

  #binary(bytes: Uint8Array): void {
    if (!this.#greeted) return;
    let rest = bytes;
    if (this.#screen) {
      const part = rest.subarray(0, this.#screen.left);
      rest = rest.subarray(part.length);
      this.#screen.left -= part.length;
      this.options.emulator.write(part, () => undefined);
      if (this.#screen.left === 0) this.#screenDone();
    }
    if (rest.length === 0) return;
    if (this.#offset === null) {
      // Output without a place to put it: only a fresh screen helps.
      this.#socket.kick();
      return;
    }
    const end = this.#offset + rest.length;
    const picture = this.#picture;
    this.#offset = end;
    this.options.emulator.write(rest, () => {
      if (picture !== this.#picture) return;
      this.#drawn = end;
      this.#ackSoon();
    });
  }

  #screenDone(): void {
    if (!this.#screen) return;
    this.#offset = this.#screen.offset;
    this.#drawn = this.#screen.offset;
    this.#acked = this.#screen.offset;
    this.#screen = null;
  }

  #ackSoon(): void {
    if (this.#drawn - this.#acked >= ACK_EVERY_BYTES) return this.#ack();
    if (this.#drawn > this.#acked) this.#cancelAck ??= this.options.env.setTimer(() => this.#ack(), ACK_EVERY_MS);
  }

  #ack(): void {
    this.#cancelAck?.();
    this.#cancelAck = null;
    if (!this.#greeted || this.#drawn <= this.#acked) return;
    this.#acked = this.#drawn;
    this.#frame({ type: "ack", offset: this.#drawn });
  }

  #down(): boolean {
    const greeted = this.#greeted;
    this.#greeted = false;
    if (this.#screen) {
      this.#screen = null;
      this.#offset = null;
    }
    const complete = this.#state.exitCode !== null && this.#offset !== null;
    if (complete || this.#state.gone) return false;
    if (!greeted && ++this.#failures > 1) this.#askExistence();
    return true;
  }

  #askExistence(): void {
    this.options.exists().then(
      (exists) => {
        if (exists || this.#greeted) return;
        this.#socket.stop();
        this.#set({ gone: true });
      },
      // Not to be told now; the reconnect goes on.
      () => undefined,
    );
  }

  #set(change: Partial<TerminalState>): void {
    this.#state = { ...this.#state, ...change };
    this.options.onState(this.#state);
  }
}
