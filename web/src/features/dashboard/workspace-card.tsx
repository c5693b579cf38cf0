import { Button, Group, Text } from "@mantine/core";
import { IconArrowRight, IconPlayerPlay, IconPlayerStop } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Link } from "react-router";
import { messageOf } from "../../api/errors";
import type { Workspace } from "../../api/types";
import { usePowerWorkspace } from "../../api/use-workspaces";
import { formatDate, formatRelative } from "../../lib/format";
import { notifyFailed } from "../../lib/notify";
import { canStart, canStop, stateLabel, stateTone } from "../../lib/workspace-state";
import { StatusDot } from "../../ui/status-dot";
import classes from "./workspace-card.module.css";
import { WorkspaceMenu } from "./workspace-menu";
import { WorkspaceMeters } from "./workspace-meters";

export interface WorkspaceCardProps {
  workspace: Workspace;
  lastOpenedAt?: number | undefined;
}

export function WorkspaceCard({ workspace, lastOpenedAt }: WorkspaceCardProps): ReactElement {
  const power = usePowerWorkspace();
  const deleting = workspace.state === "deleting" || workspace.desired === "deleted";
  const act = (what: "start" | "stop"): void =>
    power.mutate(
      { id: workspace.id, power: what },
      { onError: (error) => notifyFailed(`“${workspace.name}” did not ${what}`, messageOf(error)) },
    );
  const open = `/workspaces/${workspace.id}`;
  return (
    <article
      className={classes.card}
      aria-label={workspace.name}
      data-testid="workspace-card"
      data-workspace-id={workspace.id}
      data-state={workspace.state}
    >
      <div className={classes.head}>
        <h2 className={classes.name}>
          {deleting ? workspace.name : <Link to={open}>{workspace.name}</Link>}
        </h2>
        <StatusDot tone={stateTone(workspace.state)} label={stateLabel(workspace.state)} />
        <WorkspaceMenu workspace={workspace} disabled={deleting} />
      </div>
      {workspace.state === "failed" && workspace.reason ? (
        <p className={classes.reason}>{workspace.reason}</p>
      ) : (
        <WorkspaceMeters workspace={workspace} />
      )}
      <div className={classes.foot}>
        <LastUse workspace={workspace} lastOpenedAt={lastOpenedAt} />
        <Group gap={6} wrap="nowrap">
          {canStop(workspace.state) && (
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlayerStop size={14} />}
              loading={power.isPending}
              onClick={() => act("stop")}
            >
              Stop
            </Button>
          )}
          {canStart(workspace.state) && (
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlayerPlay size={14} />}
              loading={power.isPending}
              onClick={() => act("start")}
            >
              Start
            </Button>
          )}
          {!deleting && (
            <Button component={Link} to={open} size="xs" rightSection={<IconArrowRight size={14} />}>
              Open
            </Button>
          )}
        </Group>
      </div>
    </article>
  );
}

function LastUse({ workspace, lastOpenedAt }: WorkspaceCardProps): ReactElement {
  const at = lastOpenedAt ?? workspace.created_at;
  const word = lastOpenedAt === undefined ? "Created" : "Opened";
  return (
    <Text size="xs" c="dimmed" truncate>
      {word}{" "}
      <time dateTime={new Date(at).toISOString()} title={formatDate(at)}>
        {formatRelative(at, Date.now())}
      </time>
    </Text>
  );
}
