import type { ReactElement, ReactNode } from "react";
import classes from "./panel.module.css";

export interface PanelProps {
  title?: string;
  description?: ReactNode;
  actions?: ReactNode;
  /** Without padding, for tables. */
  flush?: boolean;
  children: ReactNode;
}

/** A bordered area with a heading. */
export function Panel({ title, description, actions, flush = false, children }: PanelProps): ReactElement {
  return (
    <section className={classes.panel} aria-label={title}>
      {title && (
        <div className={classes.head}>
          <div>
            <h2 className={classes.title}>{title}</h2>
            {description && <div className={classes.description}>{description}</div>}
          </div>
          {actions}
        </div>
      )}
      <div className={classes.body} data-flush={flush || undefined}>
        {children}
      </div>
    </section>
  );
}
