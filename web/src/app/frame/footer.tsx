import type { ReactElement } from "react";
import { Link } from "react-router";
import classes from "./footer.module.css";
import { ServiceStatus } from "./service-status";

export function Footer(): ReactElement {
  return (
    <footer className={classes.footer}>
      <nav className={classes.links} aria-label="Help">
        <Link to="/docs">Guide</Link>
        <Link to="/docs/api">API reference</Link>
      </nav>
      <ServiceStatus />
    </footer>
  );
}
