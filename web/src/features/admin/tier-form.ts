import type { Limits, SetTier } from "../../api/types";
import { LIMITS, problemOf, typedOf, valueOf, type LimitName, type Typed } from "../../lib/tier-limits";

/** What stands in the form's fields. */
export type TypedLimits = Record<LimitName, Typed>;

/** Sizes of a new plan are most often said in these. */
const USUAL_UNITS: readonly string[] = ["GiB", "Mbit/s", "MiB/s"];

/** The fields of a plan that is there, or empty ones. */
export function typedLimits(limits: Limits | undefined): TypedLimits {
  const entries = LIMITS.map((field) => {
    const usual = field.units.find((unit) => USUAL_UNITS.includes(unit.label)) ?? field.units[0];
    return [field.name, limits ? typedOf(field, limits[field.name]) : { text: "", unit: usual?.label ?? "" }];
  });
  return Object.fromEntries(entries) as TypedLimits;
}

/** What is wrong with which field. */
export function problemsOf(typed: TypedLimits): Partial<Record<LimitName, string>> {
  return Object.fromEntries(
    LIMITS.map((field) => [field.name, problemOf(field, typed[field.name])]).filter(([, problem]) => problem),
  ) as Partial<Record<LimitName, string>>;
}

/** What is sent, if nothing is wrong with it. */
export function limitsOf(typed: TypedLimits): SetTier | undefined {
  if (Object.keys(problemsOf(typed)).length > 0) return undefined;
  const entries = LIMITS.map((field) => [field.name, valueOf(field, typed[field.name])] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as unknown as SetTier;
}
