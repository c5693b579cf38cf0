/**
 * The events stream of a workspace: watches, ports, terminals, and a heartbeat that finds dead connections.
 *
 * Invariants: the wanted watches are asked for again on every connection; after a connection was lost the listener is
 * told that events may be missing.
 */
import type { Event as AgentEvent, EventsRequest } from "../api/types";
import type { Environment } from "./environment";
import { parseEvent, WATCH_MAX } from "./frames";
import { type Address, type LinkState, ReconnectingSocket } from "./reconnecting-socket";

/** A ping goes out this often; an answer that takes longer than the second means that the connection is dead. */
export const PING_EVERY_MS = 5000;
export const PONG_MAX_MS = 8000;
/** The first answer comes while the page is still busy starting, so it counts for life only; the next is asked for soon. */
export const SECOND_PING_AFTER_MS = 1000;
/** The round trip that is told is the shortest of so many, because a busy page only ever makes one look longer. */
export const ROUND_TRIPS = 5;

export interface EventsOptions {
  env: Environment;
  address: (attempt: number) => Promise<Address>;
  onEvent: (event: AgentEvent) => void;
  onState: (state: LinkState, roundTripMs: number | null) => void;
  /** Connected; `again` when events of the meantime are lost. */
  onConnected: (again: boolean) => void;
  /** The connection was found dead, not closed: others on the same network are dead too. */
  onDead: () => void;
}

export class EventsConnection {
  readonly #socket: ReconnectingSocket;
  #watched: string[] = [];
  /** The latest round trips in ms, without the first. */
  #roundTrips: number[] = [];
  #pongs = 0;
  #pings = 0;
  #pingedAt = 0;
  #connectedBefore = false;
  #cancelTimer: (() => void) | null = null;

  constructor(private readonly options: EventsOptions) {
    this.#socket = new ReconnectingSocket(options.env, {
      address: options.address,
      onOpen: () => this.#opened(),
      onText: (text) => this.#text(text),
      onBinary: () => undefined,
      onDown: () => {
        this.#cancelTimer?.();
        this.#roundTrips = [];
        this.#pongs = 0;
        return true;
      },
      onState: (state) => options.onState(state, this.#roundTripMs()),
    });
  }

  get state(): LinkState {
    return this.#socket.state;
  }

  start(): void {
    this.#socket.start();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#socket.stop();
  }

  kick(): void {
    this.#socket.kick();
  }

  /** Replaces the watched directories; beyond the agent's limit the last ones are left out. */
  watch(paths: readonly string[]): void {
    const next = paths.slice(0, WATCH_MAX);
    if (next.length === this.#watched.length && next.every((path, index) => path === this.#watched[index])) return;
    this.#watched = next;
    this.#request({ type: "watch", paths: next });
  }

  #request(request: EventsRequest): void {
    this.#socket.send(JSON.stringify(request));
  }

  #opened(): void {
    if (this.#watched.length > 0) this.#request({ type: "watch", paths: this.#watched });
    this.#ping();
    this.options.onConnected(this.#connectedBefore);
    this.#connectedBefore = true;
  }

  #ping(): void {
    this.#pings += 1;
    this.#pingedAt = this.options.env.now();
    this.#request({ type: "ping", id: this.#pings });
    this.#cancelTimer?.();
    this.#cancelTimer = this.options.env.setTimer(() => {
      this.options.onDead();
      this.#socket.kick();
    }, PONG_MAX_MS);
  }

  #text(text: string): void {
    const event = parseEvent(text);
    if (!event) return;
    this.#socket.healthy();
    if (event.type !== "pong") return this.options.onEvent(event);
    if (event.id !== this.#pings) return;
    this.#pongs += 1;
    const tookMs = Math.max(0, this.options.env.now() - this.#pingedAt);
    if (this.#pongs > 1) this.#roundTrips = [...this.#roundTrips, tookMs].slice(-ROUND_TRIPS);
    this.options.onState(this.#socket.state, this.#roundTripMs());
    this.#cancelTimer?.();
    const next = this.#pongs === 1 ? SECOND_PING_AFTER_MS : PING_EVERY_MS;
    this.#cancelTimer = this.options.env.setTimer(() => this.#ping(), next);
  }

  #roundTripMs(): number | null {
    return this.#roundTrips.length === 0 ? null : Math.min(...this.#roundTrips);
  }
}
