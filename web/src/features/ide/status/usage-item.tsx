import { Tooltip } from "@mantine/core";
import { type ReactElement, useEffect } from "react";
import { useStore } from "zustand";
import { formatBytes, formatCores } from "../../../lib/format";
import { limitNotes } from "../../../lib/limit-notes";
import { useIde } from "../shell/ide-context";
import classes from "./status-bar.module.css";

const REFRESH_MS = 5000;

/** What the workspace uses of what it may. */
export function UsageItem(): ReactElement | null {
  const { link } = useIde();
  const workspace = useStore(link.store, (status) => status.workspace);
  useEffect(() => {
    const refresh = () => {
      // A failure shows in the connection state; the numbers stay until the next answer.
      if (document.visibilityState === "visible") void link.refresh().catch(() => undefined);
    };
    refresh();
    const timer = setInterval(refresh, REFRESH_MS);
    return () => clearInterval(timer);
  }, [link]);
  const usage = workspace?.usage;
  if (!workspace || !usage) return null;
  const { limits } = workspace;
  const cpu = limits.cpu_millis > 0 ? Math.round((usage.cpu_millis / limits.cpu_millis) * 100) : 0;
  const notes = limitNotes(workspace);
  const tight = notes.length > 0 || usage.memory_bytes > limits.memory_bytes * 0.9;
  const label = `CPU ${formatCores(usage.cpu_millis)} of ${formatCores(limits.cpu_millis)} cores, memory ${formatBytes(usage.memory_bytes)} of ${formatBytes(limits.memory_bytes)}, ${usage.pids} processes${notes.map((note) => `\n${note}`).join("")}`;
  return (
    <Tooltip label={label} multiline maw={420} style={{ whiteSpace: "pre-line" }}>
      <span className={classes.plain} data-tight={tight || undefined} data-testid="status-usage">
        CPU {cpu} % · {formatBytes(usage.memory_bytes)}
      </span>
    </Tooltip>
  );
}
