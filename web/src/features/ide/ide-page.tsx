import type { ReactElement } from "react";
import { useParams } from "react-router";
import { IdeSession } from "./shell/ide-session";

/** The page a workspace is worked in, at `/workspaces/:workspaceId`. */
export default function IdePage(): ReactElement {
  const { workspaceId = "" } = useParams();
  return <IdeSession key={workspaceId} workspaceId={workspaceId} />;
}
