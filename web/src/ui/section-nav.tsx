import type { ReactElement, ReactNode } from "react";
import { NavLink } from "react-router";
import classes from "./section-nav.module.css";

export interface Section {
  to: string;
  label: string;
  icon: ReactNode;
}

/** Sections of one page: a list at the side, a row on narrow windows. */
export function SectionNav({ label, sections }: { label: string; sections: Section[] }): ReactElement {
  return (
    <nav aria-label={label} className={classes.nav}>
      {sections.map(({ to, label: text, icon }) => (
        <NavLink key={to} to={to} className={classes.link ?? ""}>
          {icon}
          {text}
        </NavLink>
      ))}
    </nav>
  );
}
