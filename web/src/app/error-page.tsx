import { Button, Code, Group } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconPlugConnectedX } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { useRouteError } from "react-router";
import { ApiError, messageOf } from "../api/errors";
import classes from "./message-page.module.css";

/** Failing to load a lazily loaded part usually means that the server was upgraded since this page was opened. */
function isStaleChunk(error: unknown): boolean {
  return error instanceof TypeError && /dynamically imported module|module script/i.test(error.message);
}

/** Where a page that failed ends up, instead of a blank window. */
export function ErrorPage(): ReactElement {
  const error = useRouteError();
  const stale = isStaleChunk(error);
  useDocumentTitle("Error – Coditect");
  return (
    <main className={classes.message}>
      <IconPlugConnectedX size={40} stroke={1.4} className={classes.icon} aria-hidden="true" />
      <h1 className={classes.title}>{stale ? "Coditect was updated" : "This page failed"}</h1>
      <p className={classes.text}>
        {stale
          ? "Load the page again to get the new version. Your terminals keep running."
          : "Nothing in your workspaces is lost. Load the page again; if it keeps failing, tell your administrator what stands below."}
      </p>
      {!stale && (
        <Code block mb="md">
          {messageOf(error)}
          {error instanceof ApiError && error.requestId ? `\nRequest ${error.requestId}` : ""}
        </Code>
      )}
      <Group>
        <Button onClick={() => window.location.reload()}>Load again</Button>
        <Button component="a" href="/" variant="default">
          Go to your workspaces
        </Button>
      </Group>
    </main>
  );
}
