import type { Limits } from "../api/types";
import { readQuantity, writeQuantity, type Unit } from "./quantity";

const MIB = 2 ** 20;
const U32_MAX = 2 ** 32 - 1;
const BYTES_MAX = 2 ** 50;

export const CORE_UNITS: readonly Unit[] = [{ label: "cores", scale: 1000 }];
export const BYTE_UNITS: readonly Unit[] = ["bytes", "KiB", "MiB", "GiB", "TiB"].map((label, step) => ({
  label,
  scale: 1024 ** step,
}));
export const NETWORK_UNITS: readonly Unit[] = ["kbit/s", "Mbit/s", "Gbit/s"].map((label, step) => ({
  label,
  scale: 1000 ** step,
}));
const RATE_UNITS = BYTE_UNITS.slice(0, 4).map(({ label, scale }) => ({ label: `${label}/s`, scale }));
const COUNT: readonly Unit[] = [{ label: "", scale: 1 }];

export type LimitName = keyof Limits;

/** One limit of a tier as people read and write it. The server has the last word on what it may be. */
export interface LimitField {
  name: LimitName;
  label: string;
  units: readonly Unit[];
  min: number;
  max: number;
  /** The platform has a default for it. */
  optional?: true;
  /** When a change holds, where that is not at once. */
  holds?: string;
}

export const WORKSPACE_LIMITS: readonly LimitField[] = [
  { name: "cpu_millis", label: "CPU", units: CORE_UNITS, min: 10, max: 1_000_000 },
  {
    name: "memory_bytes", label: "Memory", units: BYTE_UNITS, min: 32 * MIB, max: BYTES_MAX,
    holds: "Less than is in use: once it fits, at the latest from the next start.",
  },
  {
    name: "storage_bytes", label: "Storage", units: BYTE_UNITS, min: MIB, max: BYTES_MAX,
    holds: "More: at once where the machine can, else from the next start.",
  },
  {
    name: "inodes", label: "Files and directories", units: COUNT, min: 1000, max: 2 ** 32, optional: true,
    holds: "Some volumes take more only as their storage grows.",
  },
  {
    name: "network_kbit", label: "Network (each way)", units: NETWORK_UNITS, min: 64, max: U32_MAX, optional: true,
  },
  { name: "disk_bytes_per_second", label: "Disk rate", units: RATE_UNITS, min: MIB, max: BYTES_MAX, optional: true },
  { name: "pids", label: "Processes and threads", units: COUNT, min: 16, max: U32_MAX, optional: true },
  {
    name: "open_files", label: "Open files of a program", units: COUNT, min: 64, max: 2 ** 30, optional: true,
    holds: "From the next start.",
  },
  {
    name: "terminals", label: "Terminals", units: COUNT, min: 1, max: 1000, optional: true,
    holds: "Many more than it was started with: from the next start.",
  },
];

export const USER_LIMITS: readonly LimitField[] = [
  { name: "workspaces", label: "Workspaces", units: COUNT, min: 1, max: U32_MAX, optional: true },
  {
    name: "concurrent_sessions", label: "Workspaces open at once", units: COUNT, min: 1, max: U32_MAX,
    holds: "What is open stays open; counted at the next opening.",
  },
];

export const LIMITS: readonly LimitField[] = [...WORKSPACE_LIMITS, ...USER_LIMITS];

/** What a limit is called; one that a newer server has keeps its own name. */
export function limitLabel(name: string): string {
  return LIMITS.find((field) => field.name === name)?.label ?? name;
}

/** `2 GiB`, `1 core`, `65,536`. Never rounded. */
export function formatLimit(field: LimitField, value: number): string {
  const { text, unit } = writeQuantity(value, field.units);
  const [whole = "", fraction] = text.split(".");
  const number = Number(whole).toLocaleString("en-US") + (fraction ? `.${fraction}` : "");
  const label = number === "1" && unit.label === "cores" ? "core" : unit.label;
  return label ? `${number} ${label}` : number;
}

/** What stands in a field: the number as it was typed, and its unit's label. */
export interface Typed {
  text: string;
  unit: string;
}

export function typedOf(field: LimitField, value: number): Typed {
  const { text, unit } = writeQuantity(value, field.units);
  return { text, unit: unit.label };
}

function unitOf(field: LimitField, typed: Typed): Unit {
  return field.units.find(({ label }) => label === typed.unit) ?? { label: "", scale: 1 };
}

/** The number for the API; absent for what is empty and has a default, and for what {@link problemOf} complains about. */
export function valueOf(field: LimitField, typed: Typed): number | undefined {
  return problemOf(field, typed) ? undefined : readQuantity(typed.text, unitOf(field, typed))?.value;
}

/** What is wrong with what was typed, in words. */
export function problemOf(field: LimitField, typed: Typed): string | undefined {
  if (typed.text.trim() === "") return field.optional ? undefined : "Say how much.";
  const { scale } = unitOf(field, typed);
  const quantity = readQuantity(typed.text, unitOf(field, typed));
  if (!quantity) return scale === 1 ? "Write a whole number, such as 100." : "Write a number, such as 2 or 1.5.";
  // A part of a byte in `0.3 GiB` is nobody's concern; a part of a thousandth of a core would quietly be another limit.
  if (!quantity.exact && scale === 1) return "Write a whole number, such as 100.";
  if (!quantity.exact && scale % 1000 === 0) return `At most ${String(scale).length - 1} digits after the point.`;
  const { min, max } = field;
  if (quantity.value < min || quantity.value > max) return `From ${formatLimit(field, min)} to ${formatLimit(field, max)}.`;
  return undefined;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** What is wrong with the name of a tier that is to be added. */
export function nameProblem(name: string, taken: readonly string[]): string | undefined {
  if (!NAME.test(name)) return "1 to 32 lower-case letters, digits and hyphens, with no hyphen first.";
  return taken.includes(name) ? "There is a plan of this name already." : undefined;
}
