import { lazy, type ReactElement, Suspense } from "react";
import { useStore } from "zustand";
import { useIde, useLayout } from "../shell/ide-context";
import classes from "./editor.module.css";
import { EditorGroup } from "./editor-group";
import { EditorWelcome } from "./editor-welcome";
import { useQuiet } from "./use-quiet";

const ConflictDialog = lazy(() => import("./conflict-dialog"));

/** The editor groups, side by side, and the dialog for a file that two sides changed. */
export function EditorArea({ dark }: { dark: boolean }): ReactElement {
  const { documents, ui } = useIde();
  const groups = useLayout((layout) => layout.groups);
  const activeGroup = useLayout((layout) => layout.activeGroup);
  const active = groups.find(({ id }) => id === activeGroup)?.active ?? null;
  const conflict = useStore(documents.store, (views) => (active === null ? null : (views[active]?.state.conflict ?? null)));
  const postponed = useStore(ui, (state) => state.postponed);
  const quiet = useQuiet(conflict === null || active === null ? null : documents.model(active));
  const empty = groups.every(({ tabs }) => tabs.length === 0);
  return (
    <section className={classes.area} data-region="editor" aria-label="Editor">
      {empty && <EditorWelcome />}
      {!empty &&
        groups.map((group) => <EditorGroup key={group.id} group={group} current={group.id === activeGroup} dark={dark} />)}
      {active !== null && conflict !== null && conflict !== postponed && quiet && (
        <Suspense fallback={null}>
          <ConflictDialog key={active} path={active} dark={dark} onLater={() => ui.setState({ postponed: conflict })} />
        </Suspense>
      )}
    </section>
  );
}
