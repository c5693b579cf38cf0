import type { Workspace } from "../api/types";
import { plural } from "./format";
import { limitLabel } from "./tier-limits";

/** What a running workspace's owner should know of its limits, in sentences: those that wait, those it ran into. */
export function limitNotes({ state, pending_limits = [], usage }: Workspace): string[] {
  if (state !== "running") return [];
  const notes = pending_limits.map(({ limit, reason }) => {
    const text = reason.trim();
    return `${limitLabel(limit)}, not as in the plan yet: ${/[.!?…]$/.test(text) ? text : `${text}.`}`;
  });
  const ended = usage?.oom_kills ?? 0;
  if (ended > 0) notes.push(`${plural(ended, "program was", "programs were")} ended since the start because the memory was full.`);
  const refused = usage?.refused_processes ?? 0;
  if (refused > 0) notes.push(`${plural(refused, "process was", "processes were")} refused since the start because there were too many.`);
  return notes;
}
