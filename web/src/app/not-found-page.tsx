import { Button } from "@mantine/core";
import { IconMapSearch } from "@tabler/icons-react";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactElement } from "react";
import { Link } from "react-router";
import classes from "./message-page.module.css";

export function NotFoundPage(): ReactElement {
  useDocumentTitle("Not found – Coditect");
  return (
    <div className={classes.message}>
      <IconMapSearch size={40} stroke={1.4} className={classes.icon} aria-hidden="true" />
      <h1 className={classes.title}>There is nothing here</h1>
      <p className={classes.text}>
        The address may be mistyped, or what it named was deleted or is not shared with you.
      </p>
      <Button component={Link} to="/">
        Go to your workspaces
      </Button>
    </div>
  );
}
