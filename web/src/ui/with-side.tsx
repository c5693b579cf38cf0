import type { ReactElement, ReactNode } from "react";
import classes from "./with-side.module.css";

/** Navigation at the side of what it leads to. */
export function WithSide({ side, children }: { side: ReactNode; children: ReactNode }): ReactElement {
  return (
    <div className={classes.columns}>
      <div className={classes.side}>{side}</div>
      <div className={classes.content}>{children}</div>
    </div>
  );
}
