import { Skeleton } from "@mantine/core";
import type { ReactElement } from "react";
import classes from "./screens.module.css";

const ROWS = [62, 48, 74, 55, 68, 40, 58];
const LINES = [38, 64, 52, 71, 30, 0, 45, 58, 66, 24];

/** The shape of what is about to appear, and what is being done for it. */
export function OpeningScreen({ name, step }: { name: string | null; step: string }): ReactElement {
  return (
    <div className={classes.opening} data-testid="ide-opening">
      <div className={classes.ghostBar} />
      <div className={classes.ghostSide} aria-hidden="true">
        {ROWS.map((width, index) => (
          <Skeleton key={index} height={10} width={`${width}%`} radius="xl" />
        ))}
      </div>
      <div className={classes.ghostMain} aria-hidden="true">
        {LINES.map((width, index) => (
          <Skeleton key={index} height={10} width={`${width}%`} radius="xl" />
        ))}
      </div>
      <p className={classes.step} role="status">
        <strong>{name ?? "Your workspace"}</strong>
        <span>{step}…</span>
      </p>
    </div>
  );
}
