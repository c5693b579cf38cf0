import { Skeleton } from "@mantine/core";
import { lazy, type ReactElement, Suspense } from "react";
import { useStore } from "zustand";
import type { Group } from "../layout/layout";
import { useIde } from "../shell/ide-context";
import { Breadcrumbs } from "./breadcrumbs";
import classes from "./editor.module.css";
import { EditorTabs } from "./editor-tabs";
import { FileNotice } from "./file-notice";
import { StateBanner } from "./state-banner";

// Monaco is most of what this page loads: the terminal does not wait for it.
const CodeEditor = lazy(() => import("./code-editor"));

export interface EditorGroupProps {
  group: Group;
  current: boolean;
  dark: boolean;
}

/** A row of tabs over one editor. */
export function EditorGroup({ group, current, dark }: EditorGroupProps): ReactElement {
  const { documents, layout } = useIde();
  const { active } = group;
  const view = useStore(documents.store, (views) => (active === null ? undefined : views[active]));
  const choose = () => layout.dispatch({ type: "focus-group", group: group.id });
  return (
    <div className={classes.group} data-current={current || undefined} onFocusCapture={choose} onPointerDownCapture={choose}>
      <EditorTabs group={group} current={current} />
      {active !== null && <Breadcrumbs path={active} />}
      {view?.status === "text" && <StateBanner view={view} group={group.id} />}
      <div className={classes.content} role="tabpanel" aria-label="File">
        {active !== null && view?.status === "text" && (
          <Suspense fallback={<EditorSkeleton />}>
            <CodeEditor group={group} path={active} dark={dark} current={current} />
          </Suspense>
        )}
        {active !== null && view?.status === "notice" && view.notice && <FileNotice path={active} notice={view.notice} />}
        {active !== null && (!view || view.status === "loading") && <EditorSkeleton />}
      </div>
    </div>
  );
}

const LINES = [34, 58, 46, 0, 62, 70, 41, 22];

function EditorSkeleton(): ReactElement {
  return (
    <div className={classes.skeleton} role="status" aria-label="Opening the file">
      {LINES.map((width, index) => (
        <Skeleton key={index} height={9} width={`${width}%`} radius="xl" />
      ))}
    </div>
  );
}
