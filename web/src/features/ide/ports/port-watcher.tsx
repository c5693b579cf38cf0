import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useEffect } from "react";
import type { Port } from "../../../api/types";
import { useIde } from "../shell/ide-context";

const SHOWN_MS = 12_000;

/** Tells when something new listens in the workspace. */
export function PortWatcher(): null {
  const ide = useIde();
  useEffect(() => {
    ide.onNewPort = ({ port, command }: Port) => {
      const id = `port:${port}`;
      notifications.show({
        id,
        autoClose: SHOWN_MS,
        message: (
          <Group justify="space-between" wrap="nowrap" gap="sm">
            <Text size="sm" truncate>
              Port {port} is listening{command ? ` (${command})` : ""}
            </Text>
            <Button
              size="compact-xs"
              variant="light"
              component="a"
              href={ide.client.portUrl(port)}
              target="_blank"
              rel="noopener"
              onClick={() => notifications.hide(id)}
            >
              Open
            </Button>
          </Group>
        ),
      });
    };
    return () => {
      ide.onNewPort = () => undefined;
    };
  }, [ide]);
  return null;
}
