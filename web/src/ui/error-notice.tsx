import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactElement } from "react";

export interface ErrorNoticeProps {
  title: string;
  message: string;
  /** Finds the request in the server's log. */
  requestId?: string | undefined;
  onRetry?: () => void;
}

/** Something could not be done or loaded, in words, with a way on. */
export function ErrorNotice({ title, message, requestId, onRetry }: ErrorNoticeProps): ReactElement {
  return (
    <Alert
      role="alert"
      color="red"
      variant="outline"
      icon={<IconAlertTriangle size={18} />}
      title={title}
      styles={{
        root: { background: "var(--cd-raised)", borderColor: "var(--cd-danger)" },
        title: { color: "var(--cd-danger)" },
        icon: { color: "var(--cd-danger)" },
      }}
    >
      <Text size="sm">{message}</Text>
      {requestId && (
        <Text size="xs" c="dimmed" mt={4}>
          Request {requestId}
        </Text>
      )}
      {onRetry && (
        <Group mt="sm">
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        </Group>
      )}
    </Alert>
  );
}
