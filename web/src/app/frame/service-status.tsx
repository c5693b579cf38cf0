import { Popover, Text, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { networkError } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import type { Health, Readiness } from "../../api/types";
import { StatusDot, type StatusTone } from "../../ui/status-dot";

interface Service {
  health: Health;
  ready: Readiness | null;
}

const REFRESH_MS = 60_000;

async function fetchService(signal: AbortSignal): Promise<Service> {
  const [health, ready] = await Promise.all([fetch("/health", { signal }), fetch("/health/ready", { signal })]);
  if (!health.ok) throw networkError();
  // Not ready is told with the status 503 and the same body.
  const parts: unknown = await ready.json().catch(() => null);
  return { health: (await health.json()) as Health, ready: isReadiness(parts) ? parts : null };
}

function isReadiness(body: unknown): body is Readiness {
  return typeof body === "object" && body !== null && "status" in body && "parts" in body;
}

function summary(service: Service | undefined, failed: boolean): { tone: StatusTone; label: string } {
  if (failed) return { tone: "negative", label: "Server not reachable" };
  if (!service) return { tone: "neutral", label: "Checking status" };
  if (service.ready && service.ready.status !== "ready") return { tone: "progress", label: `Server is ${service.ready.status}` };
  return { tone: "positive", label: "All systems normal" };
}

/** Health and version of the server, in the footer. */
export function ServiceStatus(): ReactElement {
  const service = useQuery({
    queryKey: queryKeys.health,
    queryFn: ({ signal }) => fetchService(signal),
    refetchInterval: REFRESH_MS,
    retry: 1,
  });
  const { tone, label } = summary(service.data, service.isError);
  return (
    <Popover position="top-end" shadow="md" radius="md" width={240}>
      <Popover.Target>
        <UnstyledButton py={4} fz="xs">
          <StatusDot tone={tone} label={label} />
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Text size="xs" c="dimmed">
          Version {service.data?.health.version ?? "unknown"}
        </Text>
        {Object.entries(service.data?.ready?.parts ?? {}).map(([part, ready]) => (
          <Text key={part} size="xs" component="div" mt={4} style={{ display: "flex", justifyContent: "space-between" }}>
            {part}
            <StatusDot tone={ready ? "positive" : "negative"} label={ready ? "ready" : "not ready"} />
          </Text>
        ))}
      </Popover.Dropdown>
    </Popover>
  );
}
