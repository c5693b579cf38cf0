import type { ReactElement } from "react";
import classes from "./status-dot.module.css";

export type StatusTone = "positive" | "progress" | "neutral" | "negative";

/** A state as a coloured shape beside its word: never colour alone. */
export function StatusDot({ tone, label }: { tone: StatusTone; label: string }): ReactElement {
  return (
    <span className={classes.status} data-tone={tone}>
      <span className={classes.dot} aria-hidden="true" />
      {label}
    </span>
  );
}
