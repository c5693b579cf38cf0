/** What a connection needs from the outside: sockets, time, chance, and to be told when trying now makes sense. */

export interface SocketLike {
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export interface Environment {
  openSocket(url: string, protocols: string[]): SocketLike;
  setTimer(run: () => void, ms: number): () => void;
  now(): number;
  random(): number;
  /** Calls `listener` when the network came back or the page became visible; returns how to stop. */
  onWake(listener: () => void): () => void;
}

export const browserEnvironment: Environment = {
  openSocket: (url, protocols) => new WebSocket(url, protocols) as unknown as SocketLike,
  setTimer(run, ms) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  now: () => performance.now(),
  random: () => Math.random(),
  onWake(listener) {
    const visible = () => {
      if (document.visibilityState === "visible") listener();
    };
    window.addEventListener("online", listener);
    document.addEventListener("visibilitychange", visible);
    return () => {
      window.removeEventListener("online", listener);
      document.removeEventListener("visibilitychange", visible);
    };
  },
};
