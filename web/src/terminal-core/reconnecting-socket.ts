/**
 * A WebSocket that comes back: jittered backoff, at once when the network or the page wakes.
 *
 * Invariants: at most one socket is alive; nothing of an older socket is delivered once it was given up.
 * Not here: what travels on it.
 */
import { backoffMs } from "./backoff";
import type { Environment, SocketLike } from "./environment";

/** A handshake that takes longer is given up, in milliseconds. */
export const HANDSHAKE_MAX_MS = 10_000;

export interface Address {
  url: string;
  protocols: string[];
}

export type LinkState =
  | { kind: "idle" }
  | { kind: "connecting" }
  | { kind: "open" }
  | { kind: "waiting"; retryAt: number; attempt: number }
  | { kind: "stopped" };

export interface SocketHandlers {
  /** Where to connect; asked before every attempt, because grants are short-lived. */
  address: (attempt: number) => Promise<Address>;
  onOpen: () => void;
  onText: (text: string) => void;
  onBinary: (bytes: Uint8Array) => void;
  /** The connection ended. Return false to stay away. */
  onDown: () => boolean;
  onState: (state: LinkState) => void;
}

export class ReconnectingSocket {
  #state: LinkState = { kind: "idle" };
  #socket: SocketLike | null = null;
  #attempt = 0;
  #epoch = 0;
  #cancelTimer: (() => void) | null = null;
  #stopWake: (() => void) | null = null;

  constructor(
    private readonly env: Environment,
    private readonly handlers: SocketHandlers,
  ) {}

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    if (this.#state.kind !== "idle" && this.#state.kind !== "stopped") return;
    this.#stopWake = this.env.onWake(() => this.#wake());
    this.#attempt = 0;
    void this.#connect();
  }

  stop(): void {
    this.#drop();
    this.#stopWake?.();
    this.#stopWake = null;
    this.#set({ kind: "stopped" });
  }

  /** Gives the present socket up, because it is known to be dead, and connects again at once. */
  kick(): void {
    if (this.#state.kind === "stopped" || this.#state.kind === "idle") return;
    const wasOpen = this.#state.kind === "open";
    this.#drop();
    this.#attempt = 0;
    if (wasOpen && !this.handlers.onDown()) return this.stop();
    void this.#connect();
  }

  /** The far side has answered in substance: the next failure starts from the shortest wait. */
  healthy(): void {
    this.#attempt = 0;
  }

  /** False when there is no open connection. */
  send(data: string | Uint8Array): boolean {
    if (this.#state.kind !== "open" || !this.#socket) return false;
    this.#socket.send(data as string | Uint8Array<ArrayBuffer>);
    return true;
  }

  #wake(): void {
    if (this.#state.kind !== "waiting") return;
    this.#cancelTimer?.();
    void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#cancelTimer?.();
    const epoch = ++this.#epoch;
    this.#set({ kind: "connecting" });
    let address: Address;
    try {
      address = await this.handlers.address(this.#attempt);
    } catch {
      if (epoch === this.#epoch) this.#down();
      return;
    }
    if (epoch !== this.#epoch) return;
    let socket: SocketLike;
    try {
      socket = this.env.openSocket(address.url, address.protocols);
    } catch {
      this.#down();
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    this.#cancelTimer = this.env.setTimer(() => {
      this.#drop();
      this.#down();
    }, HANDSHAKE_MAX_MS);
    socket.onopen = () => {
      this.#cancelTimer?.();
      this.#set({ kind: "open" });
      this.handlers.onOpen();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.handlers.onText(data);
      else if (data instanceof ArrayBuffer) this.handlers.onBinary(new Uint8Array(data));
    };
    socket.onerror = () => undefined;
    socket.onclose = () => {
      this.#drop();
      this.#down();
    };
  }

  /** Detaches from the socket without another word from it. */
  #drop(): void {
    this.#epoch += 1;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }

  #down(): void {
    if (!this.handlers.onDown()) return this.stop();
    const wait = backoffMs(this.#attempt, () => this.env.random());
    this.#attempt += 1;
    this.#cancelTimer = this.env.setTimer(() => void this.#connect(), wait);
    this.#set({ kind: "waiting", retryAt: this.env.now() + wait, attempt: this.#attempt });
  }

  #set(state: LinkState): void {
    this.#state = state;
    this.handlers.onState(state);
  }
}
