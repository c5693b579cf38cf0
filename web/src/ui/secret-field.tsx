import { ActionIcon, Code, CopyButton, Group, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import type { ReactElement } from "react";

/** A value that is shown once and meant to be handed on: easy to copy whole. */
export function SecretField({ label, value }: { label: string; value: string }): ReactElement {
  return (
    <Group gap="xs" wrap="nowrap">
      <Code
        block
        aria-label={label}
        role="textbox"
        aria-readonly="true"
        tabIndex={0}
        style={{ flex: 1, userSelect: "all", overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}
      >
        {value}
      </Code>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon variant="default" size="lg" onClick={copy} aria-label={`Copy ${label.toLowerCase()}`}>
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}
