import type { ReactElement, ReactNode } from "react";
import classes from "./panel-head.module.css";

/** The title line of a side panel, with its tools on the right. */
export function PanelHead({ title, children }: { title: string; children?: ReactNode }): ReactElement {
  return (
    <div className={classes.head}>
      <h2 className={classes.title}>{title}</h2>
      <div className={classes.tools} data-panel-tools>
        {children}
      </div>
    </div>
  );
}
