import type { State } from "../api/types";

export type Tone = "positive" | "progress" | "neutral" | "negative";

const TONES: Record<State, Tone> = {
  starting: "progress",
  running: "positive",
  stopping: "progress",
  stopped: "neutral",
  failed: "negative",
  deleting: "progress",
};

const LABELS: Record<State, string> = {
  starting: "Starting",
  running: "Running",
  stopping: "Stopping",
  stopped: "Stopped",
  failed: "Failed",
  deleting: "Deleting",
};

export function stateTone(state: State): Tone {
  return TONES[state];
}

export function stateLabel(state: State): string {
  return LABELS[state];
}

/** Whether the state changes by itself soon, so that asking again is worth it. */
export function isTransitional(state: State): boolean {
  return TONES[state] === "progress";
}

export function canStart(state: State): boolean {
  return state === "stopped" || state === "failed";
}

export function canStop(state: State): boolean {
  return state === "running" || state === "starting";
}
