import { Button, Group } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Link } from "react-router";
import { EmptyState } from "../../../ui/empty-state";
import type { Phase } from "../session/workspace-link";
import classes from "./screens.module.css";

interface FailedScreenProps {
  phase: Extract<Phase, { kind: "failed" }>;
  onRetry: () => void;
}

function titleOf({ missing, limit }: FailedScreenProps["phase"]): string {
  if (missing) return "This workspace does not exist";
  return limit ? "Too many workspaces are open" : "The workspace could not be opened";
}

export function FailedScreen({ phase, onRetry }: FailedScreenProps): ReactElement {
  return (
    <div className={classes.failed} role="alert" data-testid="ide-failed">
      <EmptyState
        icon={<IconPlugConnectedX size={32} />}
        title={titleOf(phase)}
        text={phase.missing ? "It was deleted, or it belongs to somebody else." : phase.message}
        action={
          <Group gap="xs" justify="center">
            {!phase.missing && <Button onClick={onRetry}>Try again</Button>}
            <Button component={Link} to="/" variant="default">
              All workspaces
            </Button>
          </Group>
        }
      />
    </div>
  );
}
