import type { ReactElement, ReactNode } from "react";
import classes from "./empty-state.module.css";

export interface EmptyStateProps {
  icon?: ReactNode;
  title: string;
  text: ReactNode;
  action?: ReactNode;
  /** It is all that the page has to say, so its title is the page's. */
  page?: boolean;
}

/** What a list says when it has nothing to show: why, and the one thing to do. */
export function EmptyState({ icon, title, text, action, page }: EmptyStateProps): ReactElement {
  const Title = page ? "h1" : "h2";
  return (
    <div className={classes.empty}>
      {icon && (
        <div className={classes.icon} aria-hidden="true">
          {icon}
        </div>
      )}
      <Title className={classes.title}>{title}</Title>
      <p className={classes.text}>{text}</p>
      {action}
    </div>
  );
}
