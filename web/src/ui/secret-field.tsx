import { Button, Code, CopyButton, Group } from "@mantine/core";
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
          <Button
            variant="default"
            leftSection={copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
            onClick={copy}
            aria-label={`Copy ${label.toLowerCase()}`}
          >
            {copied ? "Copied" : "Copy"}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}
