import { Button, CloseButton, Progress } from "@mantine/core";
import { type ReactElement, useEffect } from "react";
import { useStore } from "zustand";
import { nameOf, shown } from "../paths";
import { useIde } from "../shell/ide-context";
import classes from "./file-tree.module.css";
import type { Upload } from "./uploads";

const SHOWN_MAX = 50;
/** Goes away by itself after this long when everything arrived. */
const DONE_MS = 4000;

const WORDS: Record<Upload["state"], string> = {
  waiting: "Waiting",
  sending: "Sending",
  done: "Done",
  exists: "Exists already",
  failed: "Failed",
  cancelled: "Cancelled",
};

function heading(uploads: readonly Upload[]): string {
  const open = uploads.filter(({ state }) => state === "waiting" || state === "sending").length;
  if (open > 0) return `Uploading ${open} of ${uploads.length} ${uploads.length === 1 ? "file" : "files"}`;
  const done = uploads.filter(({ state }) => state === "done").length;
  return `${done} of ${uploads.length} uploaded`;
}

/** Progress of uploads, in a corner, until it is closed. */
export function UploadTray(): ReactElement | null {
  const { uploads: queue } = useIde();
  const { uploads } = useStore(queue.store);
  const settled = uploads.length > 0 && uploads.every(({ state }) => state === "done" || state === "cancelled");
  useEffect(() => {
    if (!settled) return undefined;
    const timer = setTimeout(() => queue.clear(), DONE_MS);
    return () => clearTimeout(timer);
  }, [settled, queue]);
  if (uploads.length === 0) return null;
  const busy = uploads.some(({ state }) => state === "waiting" || state === "sending");
  const existing = uploads.filter(({ state }) => state === "exists").length;
  // What needs attention comes first; of a large drop only the beginning is listed.
  const listed = [...uploads].sort((left, right) => rank(left) - rank(right)).slice(0, SHOWN_MAX);
  return (
    <section className={classes.tray} aria-label="Uploads" data-testid="uploads">
      <div className={classes.trayHead}>
        <span role="status">{heading(uploads)}</span>
        {busy ? (
          <Button size="compact-xs" variant="subtle" onClick={() => queue.cancelAll()}>
            Cancel
          </Button>
        ) : (
          <CloseButton size="sm" aria-label="Close" onClick={() => queue.clear()} />
        )}
      </div>
      <ul className={classes.trayList}>
        {listed.map(({ id, path, size, sent, state, error }) => (
          <li key={id}>
            <span className={classes.trayName} title={error ?? shown(path)}>
              {shown(nameOf(path))}
            </span>
            <span>{error && state === "failed" ? error : WORDS[state]}</span>
            {state === "sending" && (
              <Progress size={4} value={size === 0 ? 100 : (sent / size) * 100} aria-label={`Progress of ${shown(nameOf(path))}`} />
            )}
          </li>
        ))}
      </ul>
      {existing > 0 && !busy && (
        <div className={classes.trayFoot}>
          <Button size="xs" fullWidth color="red" variant="light" onClick={() => queue.overwriteExisting()}>
            Replace {existing === 1 ? "the existing file" : `${existing} existing files`}
          </Button>
        </div>
      )}
    </section>
  );
}

function rank({ state }: Upload): number {
  return ["sending", "failed", "exists", "waiting", "done", "cancelled"].indexOf(state);
}
