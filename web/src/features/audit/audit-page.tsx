import { Button, Group } from "@mantine/core";
import { IconDownload, IconHistory } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { useSearchParams } from "react-router";
import { apiUrl } from "../../api/client";
import { messageOf } from "../../api/errors";
import type { User } from "../../api/types";
import { useMe } from "../../api/use-me";
import { EmptyState } from "../../ui/empty-state";
import { ErrorNotice } from "../../ui/error-notice";
import { ListSkeleton } from "../../ui/list-skeleton";
import { Page } from "../../ui/page";
import { Panel } from "../../ui/panel";
import { AuditFilters } from "./audit-filters";
import { AuditSeal } from "./audit-seal";
import { AuditTable } from "./audit-table";
import { dayToMs } from "./describe";
import { logQuery, useAudit, type AuditFilter } from "./use-audit";

const COMPLETE_ID = /^(usr|ws)_[0-9a-z]{26}$|^(operator|anonymous|workspace|platform)$/;

function filterOf(values: URLSearchParams): AuditFilter {
  const log = values.get("log");
  // While an id is being typed there is nothing to ask for yet.
  const id = (name: string): string | undefined => {
    const text = values.get(name)?.trim() ?? "";
    return COMPLETE_ID.test(text) ? text : undefined;
  };
  return {
    log: log === "files" || log === "installation" ? log : "actions",
    tenant: values.get("tenant") ?? undefined,
    action: values.get("action") ?? undefined,
    actor: id("actor"),
    workspace: id("workspace"),
    from: dayToMs(values.get("from"), false),
    to: dayToMs(values.get("to"), true),
  };
}

/** For owners of a tenant and for administrators; to others the API refuses it, and the page says why. */
export function AuditPage(): ReactElement | null {
  const me = useMe();
  return me.data ? <AuditLog user={me.data} /> : null;
}

function AuditLog({ user }: { user: User }): ReactElement {
  const [values, setValues] = useSearchParams();
  const filter = filterOf(values);
  const audit = useAudit(filter);
  const entries = audit.data?.pages.flatMap((page) => page.items);
  const head = audit.data?.pages[0]?.head;
  const change = (name: string, value: string | null): void =>
    setValues(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === null) next.delete(name);
        else next.set(name, value);
        if (name === "log") next.delete("action");
        return next;
      },
      { replace: true },
    );
  return (
    <Page title="Audit log" description="Who did what. Entries are chained and signed: what is altered or removed is found.">
      <Panel
        title="Entries"
        actions={
          <Button
            component="a"
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} />}
            href={apiUrl("/audit/export", logQuery(filter))}
            download
          >
            Export
          </Button>
        }
        flush
      >
        <AuditFilters admin={user.admin} ownTenant={user.tenant_id} values={values} onChange={change} />
        {head && <AuditSeal key={head.log} head={head} filter={filter} />}
        {audit.isPending && <ListSkeleton rows={6} />}
        {audit.isError && (
          <ErrorNotice
            title={entries ? "What you see may be out of date" : "The log cannot be shown now"}
            message={messageOf(audit.error)}
            onRetry={() => void audit.refetch()}
          />
        )}
        {entries?.length === 0 && !audit.hasNextPage && (
          <EmptyState
            icon={<IconHistory size={24} />}
            title={head ? "Nothing fits" : "Nothing yet"}
            text={head ? "No entry fits these filters." : "What happens from now on appears here."}
          />
        )}
        {entries && entries.length > 0 && <AuditTable entries={entries} />}
        {audit.hasNextPage && (
          <Group justify="center" p="sm">
            <Button
              variant="default"
              size="xs"
              loading={audit.isFetchingNextPage}
              onClick={() => void audit.fetchNextPage()}
            >
              Show older
            </Button>
          </Group>
        )}
      </Panel>
    </Page>
  );
}
