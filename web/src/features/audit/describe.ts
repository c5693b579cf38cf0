import type { AuditEntry } from "../../api/types";

const ACTORS: Record<string, string> = {
  operator: "Operator of the machine",
  anonymous: "Not logged in",
  workspace: "A program in the workspace",
  platform: "Coditect",
};

/** Who did it, in words. */
export function actorName(actor: string): string {
  return ACTORS[actor] ?? actor;
}

/** What it was about, in one line: how many, where, through what. */
export function about(entry: AuditEntry): string {
  const { count, note, ...rest } = entry.details;
  const parts: string[] = [];
  if (count !== undefined) parts.push(`${count}×`);
  if (entry.subject) parts.push(entry.subject);
  if (entry.names.length > 0) parts.push(`(${entry.names.join(", ")}${Number(count) > entry.names.length ? ", …" : ""})`);
  if (entry.address) parts.push(`from ${entry.address}`);
  for (const [name, value] of Object.entries(rest)) parts.push(`${name.replaceAll("_", " ")}: ${value}`);
  if (note) parts.push(note);
  return parts.join(" · ");
}

/** A day of a date field as the first or last millisecond of it, here. */
export function dayToMs(day: string | null, end: boolean): number | undefined {
  if (!day || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const at = new Date(`${day}T${end ? "23:59:59.999" : "00:00:00.000"}`).getTime();
  return Number.isNaN(at) ? undefined : at;
}
