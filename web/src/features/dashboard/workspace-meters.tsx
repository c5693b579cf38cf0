import type { ReactElement } from "react";
import type { Workspace } from "../../api/types";
import { formatBytes, formatCores } from "../../lib/format";
import { limitNotes } from "../../lib/limit-notes";
import { Meter } from "../../ui/meter";
import classes from "./workspace-meters.module.css";

function text(value: string | undefined, max: string): string {
  return value === undefined ? max : `${value} / ${max}`;
}

/** Use of CPU, memory and storage against the limits of the plan, and what is to be known of those. */
export function WorkspaceMeters({ workspace }: { workspace: Workspace }): ReactElement {
  const { usage, limits, state } = workspace;
  const live = state === "running" ? usage : undefined;
  const notes = limitNotes(workspace);
  const storage = usage?.storage_bytes;
  return (
    <div className={classes.meters}>
      <Meter
        label="CPU"
        value={live?.cpu_millis}
        max={limits.cpu_millis}
        text={`${text(live && formatCores(live.cpu_millis), formatCores(limits.cpu_millis))} ${limits.cpu_millis === 1000 ? "core" : "cores"}`}
      />
      <Meter
        label="Memory"
        value={live?.memory_bytes}
        max={limits.memory_bytes}
        text={text(live && formatBytes(live.memory_bytes), formatBytes(limits.memory_bytes))}
      />
      <Meter
        label="Storage"
        value={storage}
        max={limits.storage_bytes}
        text={text(storage === undefined ? undefined : formatBytes(storage), formatBytes(limits.storage_bytes))}
      />
      {notes.length > 0 && (
        <ul className={classes.notes} aria-label="About its limits">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
