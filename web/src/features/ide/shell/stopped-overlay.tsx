import { Button, Group } from "@mantine/core";
import { type ReactElement, useEffect, useRef } from "react";
import { Link } from "react-router";
import { useStore } from "zustand";
import { useIde } from "./ide-context";
import classes from "./screens.module.css";

/** Over the page while the workspace does not run: what happened, and the way back. */
export function StoppedOverlay({ onStartAgain }: { onStartAgain: () => void }): ReactElement | null {
  const { phase } = useStore(useIde().link.store);
  const button = useRef<HTMLButtonElement>(null);
  const shown = phase.kind !== "open";
  useEffect(() => {
    if (shown) button.current?.focus();
  }, [shown]);
  if (!shown) return null;
  const starting = phase.kind === "opening" || (phase.kind === "stopped" && phase.starting);
  return (
    <div className={classes.veil} data-testid="workspace-stopped">
      <div className={classes.card} role="alertdialog" aria-labelledby="stopped-title" aria-describedby="stopped-text">
        <h2 id="stopped-title">{starting ? "Starting the workspace…" : "The workspace has stopped"}</h2>
        <p id="stopped-text">
          {phase.kind === "failed"
            ? phase.message
            : "Your files are safe. Programs that were running have ended; the editor keeps what you have open."}
        </p>
        <Group gap="xs" justify="center">
          <Button ref={button} onClick={onStartAgain} loading={starting}>
            Start again
          </Button>
          <Button component={Link} to="/" variant="default">
            All workspaces
          </Button>
        </Group>
      </div>
    </div>
  );
}
