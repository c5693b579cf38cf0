import { Group, Select, TextInput } from "@mantine/core";
import type { ReactElement } from "react";
import { useTenants } from "./use-audit";

const ACTIONS: Record<string, string[]> = {
  actions: ["account", "login", "invitation", "workspace", "session", "grant", "tier", "audit"],
  files: ["file.created", "file.modified", "file.renamed", "file.deleted", "file.attributes", "files"],
  installation: ["login", "audit"],
};

export interface AuditFiltersProps {
  admin: boolean;
  ownTenant: string;
  values: URLSearchParams;
  onChange: (name: string, value: string | null) => void;
}

/** What narrows the log down. The values are the address's. */
export function AuditFilters({ admin, ownTenant, values, onChange }: AuditFiltersProps): ReactElement {
  const tenants = useTenants(admin);
  const log = values.get("log") ?? "actions";
  const logs = [
    { value: "actions", label: "What people did" },
    { value: "files", label: "What happened to files" },
    ...(admin ? [{ value: "installation", label: "Unknown accounts" }] : []),
  ];
  return (
    <Group gap="xs" align="end" px="md" py="sm">
      <Select
        size="xs"
        label="Log"
        w={190}
        data={logs}
        value={log}
        allowDeselect={false}
        onChange={(value) => onChange("log", value)}
      />
      {admin && log !== "installation" && (
        <Select
          size="xs"
          label="Tenant"
          w={200}
          searchable
          data={tenants}
          value={values.get("tenant") ?? ownTenant}
          allowDeselect={false}
          onChange={(value) => onChange("tenant", value)}
        />
      )}
      <Select
        size="xs"
        label="Action"
        w={150}
        clearable
        placeholder="Any"
        data={ACTIONS[log] ?? []}
        value={values.get("action")}
        onChange={(value) => onChange("action", value)}
      />
      <TextInput
        size="xs"
        label="Who"
        placeholder="usr_… or operator"
        w={160}
        value={values.get("actor") ?? ""}
        onChange={(event) => onChange("actor", event.currentTarget.value || null)}
      />
      <TextInput
        size="xs"
        label="Workspace"
        placeholder="ws_…"
        w={160}
        value={values.get("workspace") ?? ""}
        onChange={(event) => onChange("workspace", event.currentTarget.value || null)}
      />
      {(["from", "to"] as const).map((name) => (
        <TextInput
          key={name}
          size="xs"
          type="date"
          label={name === "from" ? "From" : "To"}
          w={140}
          value={values.get(name) ?? ""}
          onChange={(event) => onChange(name, event.currentTarget.value || null)}
        />
      ))}
    </Group>
  );
}
