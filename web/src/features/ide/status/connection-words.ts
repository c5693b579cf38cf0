/** The connection to the workspace in words. Pure. */
import type { LinkState } from "../../../terminal-core/reconnecting-socket";

export type ConnectionState = "connected" | "connecting" | "reconnecting" | "offline";

export function connectionState(link: LinkState, online: boolean): ConnectionState {
  if (link.kind === "open") return "connected";
  if (!online) return "offline";
  return link.kind === "waiting" ? "reconnecting" : "connecting";
}

export function connectionWords(link: LinkState, roundTripMs: number | null, online: boolean, now: number): string {
  switch (connectionState(link, online)) {
    case "connected":
      return roundTripMs === null ? "Connected" : `Connected, ${roundTripMs < 1 ? "<1" : Math.round(roundTripMs)} ms`;
    case "offline":
      return "Offline";
    case "connecting":
      return "Connecting…";
    case "reconnecting": {
      const left = link.kind === "waiting" ? Math.max(0, Math.ceil((link.retryAt - now) / 1000)) : 0;
      return left > 0 ? `Reconnecting in ${left} s` : "Reconnecting…";
    }
  }
}
