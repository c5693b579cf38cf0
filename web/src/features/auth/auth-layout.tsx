import { useDocumentTitle } from "@mantine/hooks";
import type { ReactElement, ReactNode } from "react";
import classes from "./auth-layout.module.css";
import { AuthPicture } from "./auth-picture";

export interface AuthLayoutProps {
  title: string;
  description: ReactNode;
  children: ReactNode;
}

/** The form on the left, and on wide windows what it leads to on the right. */
export function AuthLayout({ title, description, children }: AuthLayoutProps): ReactElement {
  useDocumentTitle(`${title} – Coditect`);
  return (
    <div className={classes.layout}>
      <div className={classes.column}>
        <div className={classes.form}>
          <h1 className={classes.title}>{title}</h1>
          <p className={classes.description}>{description}</p>
          {children}
        </div>
      </div>
      <div className={classes.picture}>
        <AuthPicture />
      </div>
    </div>
  );
}
