import type { ReactElement } from "react";
import type { Workspace } from "../../api/types";
import { WorkspaceCard } from "./workspace-card";
import classes from "./workspace-grid.module.css";

export interface WorkspaceGridProps {
  workspaces: Workspace[];
  lastOpened: ReadonlyMap<string, number> | undefined;
}

/** Last used first, so that going on is one click away. */
export function byLastUse(workspaces: Workspace[], lastOpened: ReadonlyMap<string, number> | undefined): Workspace[] {
  const used = (w: Workspace): number => lastOpened?.get(w.id) ?? w.created_at;
  return workspaces.toSorted((a, b) => used(b) - used(a) || a.id.localeCompare(b.id));
}

export function WorkspaceGrid({ workspaces, lastOpened }: WorkspaceGridProps): ReactElement {
  return (
    <ul className={classes.grid} aria-label="Workspaces">
      {byLastUse(workspaces, lastOpened).map((workspace) => (
        <li key={workspace.id}>
          <WorkspaceCard workspace={workspace} lastOpenedAt={lastOpened?.get(workspace.id)} />
        </li>
      ))}
    </ul>
  );
}
