import { Button, Group, Stack } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Link } from "react-router";
import { EmptyState } from "../../../ui/empty-state";
import type { Phase } from "../session/workspace-link";
import classes from "./screens.module.css";
import { TakeOverList } from "./take-over-list";

interface FailedScreenProps {
  phase: Extract<Phase, { kind: "failed" }>;
  onRetry: () => void;
  onTakeOver: (workspaceId: string) => void;
}

function titleOf({ missing, others }: FailedScreenProps["phase"]): string {
  if (missing) return "This workspace does not exist";
  return others.length > 0 ? "Too many workspaces are open" : "The workspace could not be opened";
}

function textOf({ missing, others, message }: FailedScreenProps["phase"]): string {
  if (missing) return "It was deleted, or it belongs to somebody else.";
  if (others.length === 0) return message;
  const which = others.length === 1 ? "Close the other one" : "Close one of the others";
  return `Your tier allows no more at once. ${which} to go on here: its programs end, its files stay.`;
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
          <Stack gap="md" align="center">
            {phase.others.length > 0 && <TakeOverList others={phase.others} onTakeOver={onTakeOver} />}
            <Group gap="xs" justify="center">
              {!phase.missing && phase.others.length === 0 && <Button onClick={onRetry}>Try again</Button>}
              <Button component={Link} to="/" variant="default">
                All workspaces
              </Button>
            </Group>
          </Stack>
        }
      />
    </div>
  );
}
