import type { ReactElement } from "react";
import { relative } from "../paths";
import classes from "./editor.module.css";

/** Where the file lies. */
export function Breadcrumbs({ path }: { path: string }): ReactElement {
  const parts = relative(path).split("/").filter(Boolean);
  return (
    <div className={classes.crumbs} aria-label={`Path: ${relative(path)}`} role="note">
      {parts.map((part, index) => (
        <span key={index} aria-hidden="true">
          {part}
        </span>
      ))}
    </div>
  );
}
