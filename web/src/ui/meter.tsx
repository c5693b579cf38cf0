import type { ReactElement } from "react";
import classes from "./meter.module.css";

export interface MeterProps {
  label: string;
  /** Absent: not known now. */
  value?: number | undefined;
  max: number;
  /** What is read beside the bar, such as `120 of 512 MiB`. */
  text: string;
}

const WARN = 0.8;
const FULL = 0.95;

function level(share: number): string {
  return share >= FULL ? "full" : share >= WARN ? "high" : "normal";
}

/** How much of a limit is used. */
export function Meter({ label, value, max, text }: MeterProps): ReactElement {
  const share = value === undefined || max <= 0 ? 0 : Math.min(1, Math.max(0, value / max));
  return (
    <div className={classes.meter}>
      <span className={classes.label}>{label}</span>
      <span className={classes.text}>{text}</span>
      <div
        className={classes.track}
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={text}
      >
        <div className={classes.bar} data-level={level(share)} style={{ transform: `scaleX(${share})` }} />
      </div>
    </div>
  );
}
