import { notifications } from "@mantine/notifications";
import { type ReactElement, useEffect, useState } from "react";
import { useStore } from "zustand";
import { messageOf } from "../../../api/errors";
import { Ide } from "../session/ide";
import { WorkspaceLink } from "../session/workspace-link";
import { FailedScreen } from "./failed-screen";
import { IdeContext } from "./ide-context";
import { IdeFrame } from "./ide-frame";
import { OpeningScreen } from "./opening-screen";

function report(title: string, error: unknown): void {
  notifications.show({ id: `ide:${title}`, title, message: messageOf(error), color: "red" });
}

/** Opens the session of one workspace and keeps it for as long as the page is shown. */
export function IdeSession({ workspaceId }: { workspaceId: string }): ReactElement | null {
  const [link, setLink] = useState<WorkspaceLink | null>(null);
  const [ide, setIde] = useState<Ide | null>(null);
  useEffect(() => {
    const opening = new WorkspaceLink(workspaceId);
    let made: Ide | null = null;
    setLink(opening);
    void opening.open().then((opened) => {
      if (!opened || !opening.client) return;
      made = new Ide(opening, opening.client, opened.session, report);
      made.start();
      setIde(made);
    });
    return () => {
      if (made) made.dispose();
      else opening.leave();
      setIde(null);
    };
  }, [workspaceId]);
  if (!link) return null;
  return <SessionView link={link} ide={ide} onOpened={setIde} />;
}

function SessionView(props: { link: WorkspaceLink; ide: Ide | null; onOpened: (ide: Ide) => void }): ReactElement {
  const { link, ide, onOpened } = props;
  const { phase, workspace } = useStore(link.store);
  const again = (close?: string) => {
    link.starting();
    void link.open(close).then((opened) => {
      if (!opened || !link.client) return;
      if (ide) return ide.resume(opened.session);
      const made = new Ide(link, link.client, opened.session, report);
      made.start();
      onOpened(made);
    });
  };
  if (ide) {
    return (
      <IdeContext value={ide}>
        <IdeFrame onStartAgain={() => again()} />
      </IdeContext>
    );
  }
  if (phase.kind === "failed") {
    return <FailedScreen phase={phase} onRetry={() => again()} onTakeOver={again} />;
  }
  return <OpeningScreen name={workspace?.name ?? null} step={phase.kind === "opening" ? phase.step : "Opening the editor"} />;
}
