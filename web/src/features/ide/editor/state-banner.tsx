import { Button } from "@mantine/core";
import type { ReactElement } from "react";
import { useIde } from "../shell/ide-context";
import { closeTab } from "./close-tab";
import type { DocView } from "./documents";
import classes from "./editor.module.css";

/** Says over the text when something is not as usual with its file, and offers the way out. */
export function StateBanner({ view, group }: { view: DocView; group: string }): ReactElement | null {
  const ide = useIde();
  const { path, state } = view;
  if (state.conflict) {
    return (
      <div className={classes.banner} role="alert">
        <span>This file was changed outside the editor while you were typing. Nothing is saved until you decide.</span>
        <Button size="compact-xs" variant="light" onClick={() => ide.ui.setState({ postponed: null })}>
          Compare
        </Button>
      </div>
    );
  }
  if (state.deleted) {
    return (
      <div className={classes.banner} role="alert" data-testid="deleted-banner">
        <span>This file was deleted outside the editor.</span>
        <Button size="compact-xs" variant="light" onClick={() => ide.documents.save(path)}>
          Save it again
        </Button>
        <Button size="compact-xs" variant="subtle" onClick={() => closeTab(ide, group, path)}>
          Close
        </Button>
      </div>
    );
  }
  if (state.error !== null) {
    return (
      <div className={classes.banner} role="alert">
        <span>Not saved: {state.error} What you typed is kept in this browser.</span>
        <Button size="compact-xs" variant="light" onClick={() => ide.documents.save(path)}>
          Try again
        </Button>
      </div>
    );
  }
  if (view.peek) {
    return (
      <div className={classes.banner} data-quiet role="note">
        <span>Only the first megabyte is shown, and it cannot be changed here.</span>
      </div>
    );
  }
  if (view.readOnly) {
    return (
      <div className={classes.banner} data-quiet role="note">
        <span>You may read this file, but not write it.</span>
      </div>
    );
  }
  return null;
}
