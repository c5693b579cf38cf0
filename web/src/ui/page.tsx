import { useDocumentTitle } from "@mantine/hooks";
import type { ReactElement, ReactNode } from "react";
import classes from "./page.module.css";

export interface PageProps {
  title: string;
  description?: ReactNode;
  /** Buttons at the right of the title. */
  actions?: ReactNode;
  children: ReactNode;
  /** `narrow` for forms and text. */
  width?: "wide" | "narrow";
}

/** A page's column with its one h1; sets the document's title. */
export function Page({ title, description, actions, children, width = "wide" }: PageProps): ReactElement {
  useDocumentTitle(`${title} – Coditect`);
  return (
    <div className={classes.page} data-width={width}>
      <div className={classes.head}>
        <div>
          <h1 className={classes.title}>{title}</h1>
          {description && <div className={classes.description}>{description}</div>}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}
