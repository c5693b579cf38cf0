/**
 * The frames of a terminal's WebSocket and of the events WebSocket, as `crates/api` defines them.
 * Not here: who sends what when (`terminal-connection.ts`, `events-connection.ts`).
 */

import type { Event as AgentEvent, ServerFrame } from "../api/types";

/** Largest single frame a client may send, in bytes. */
export const FRAME_MAX_BYTES = 64 * 1024;
/** Columns and rows are at least 1 and at most this. */
export const SIZE_MAX = 1000;
/** Directories one client may watch. */
export const WATCH_MAX = 512;

const SERVER_NUMBERS: Record<ServerFrame["type"], readonly string[]> = {
  hello: ["offset", "input_offset"],
  screen: ["offset", "bytes", "cols", "rows"],
  input_ack: ["offset"],
  size: ["cols", "rows"],
  title: [],
  exit: ["code"],
};

function parseTagged(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value);
}

/** Reads one text frame of a terminal; null for what is not one, which a newer agent may send and we leave out. */
export function parseServerFrame(text: string): ServerFrame | null {
  const value = parseTagged(text);
  if (!value || typeof value.type !== "string" || !Object.hasOwn(SERVER_NUMBERS, value.type)) return null;
  const type = value.type as ServerFrame["type"];
  if (!SERVER_NUMBERS[type].every((key) => isCount(value[key]))) return null;
  if (type === "title" && typeof value.title !== "string") return null;
  if (type === "hello" && (typeof value.terminal !== "object" || value.terminal === null)) return null;
  return value as ServerFrame;
}

/** Reads one text frame of the events stream; null for what is not one. */
export function parseEvent(text: string): AgentEvent | null {
  const value = parseTagged(text);
  if (!value) return null;
  switch (value.type) {
    case "changed":
      return Array.isArray(value.changes) ? (value as AgentEvent) : null;
    case "ports":
      return Array.isArray(value.ports) ? (value as AgentEvent) : null;
    case "terminals":
      return Array.isArray(value.terminals) ? (value as AgentEvent) : null;
    case "notices":
      return Array.isArray(value.notices) ? (value as AgentEvent) : null;
    case "watch_failed":
      return typeof value.path === "string" && typeof value.reason === "string" ? (value as AgentEvent) : null;
    case "pong":
      return isCount(value.id) ? (value as AgentEvent) : null;
    case "overflow":
      return { type: "overflow" };
    default:
      return null;
  }
}
