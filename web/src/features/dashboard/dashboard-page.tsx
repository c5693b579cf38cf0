import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import { ApiError, messageOf } from "../../api/errors";
import { useMe } from "../../api/use-me";
import { useWorkspaces } from "../../api/use-workspaces";
import { plural } from "../../lib/format";
import { ErrorNotice } from "../../ui/error-notice";
import { Page } from "../../ui/page";
import { CardsSkeleton } from "./cards-skeleton";
import { CreateWorkspaceModal } from "./create-workspace-modal";
import { FirstWorkspace } from "./first-workspace";
import { useLastOpened } from "./use-last-opened";
import { WorkspaceGrid } from "./workspace-grid";

export function DashboardPage(): ReactElement {
  const me = useMe();
  const workspaces = useWorkspaces();
  const lastOpened = useLastOpened();
  const [creating, setCreating] = useState(false);
  const items = workspaces.data;
  const running = items?.filter((w) => w.state === "running").length ?? 0;

  if (items?.length === 0) {
    return (
      <Page title="Workspaces">
        <FirstWorkspace userName={me.data?.name ?? ""} />
      </Page>
    );
  }
  return (
    <Page
      title="Workspaces"
      description={items ? `${plural(items.length, "workspace")}, ${running} running` : "Loading…"}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setCreating(true)} disabled={!items}>
          New workspace
        </Button>
      }
    >
      {workspaces.isError && (
        <ErrorNotice
          title={items ? "What you see may be out of date" : "Your workspaces cannot be shown now"}
          message={messageOf(workspaces.error)}
          requestId={workspaces.error instanceof ApiError ? workspaces.error.requestId : undefined}
          onRetry={() => void workspaces.refetch()}
        />
      )}
      {workspaces.isPending && <CardsSkeleton />}
      {items && <WorkspaceGrid workspaces={items} lastOpened={lastOpened} />}
      {creating && <CreateWorkspaceModal onClose={() => setCreating(false)} />}
    </Page>
  );
}
