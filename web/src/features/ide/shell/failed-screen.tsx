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
  onTakeOver: (sessionId: string) => void;
}

function titleOf({ missing, others }: FailedScreenProps["phase"]): string {
  if (missing) return "This workspace does not exist";
  return others.length > 0 ? "Too many workspaces are open" : "The workspace could not be opened";
}

function textOf({ missing, others, message }: FailedScreenProps["phase"]): string {
  if (missing) return "It was deleted, or it belongs to somebody else.";
  if (others.length === 0) return message;
  return "Your plan allows no more at once. Close one of the others to go on here; its files and programs stay, only the arrangement of its tabs is forgotten.";
}

export function FailedScreen({ phase, onRetry, onTakeOver }: FailedScreenProps): ReactElement {
  return (
    <div className={classes.failed} role="alert" data-testid="ide-failed">
      <EmptyState
        page
        icon={<IconPlugConnectedX size={32} />}
        title={titleOf(phase)}
        text={textOf(phase)}
        action={
          <Group gap="xs" justify="center">
            {phase.others.map(({ id, workspaceName }) => (
              <Button key={id} onClick={() => onTakeOver(id)}>
                Close “{workspaceName}”
              </Button>
            ))}
            {!phase.missing && phase.others.length === 0 && <Button onClick={onRetry}>Try again</Button>}
            <Button component={Link} to="/" variant="default">
              All workspaces
            </Button>
          </Group>
        }
      />
    </div>
  );
}
