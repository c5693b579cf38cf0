import {
  useInfiniteQuery,
  useQuery,
  type InfiniteData,
  type UseInfiniteQueryResult,
  type UseQueryResult,
} from "@tanstack/react-query";
import { api } from "../../api/client";
import { queryKeys } from "../../api/query-keys";
import type { AuditPage, AuditVerification, Page, User } from "../../api/types";

/** Which log, and what of it. */
export interface AuditFilter {
  log: "actions" | "files" | "installation";
  tenant: string | undefined;
  action: string | undefined;
  actor: string | undefined;
  workspace: string | undefined;
  from: number | undefined;
  to: number | undefined;
}

/** The part of a filter that names a log. */
export function logQuery(filter: AuditFilter): Record<string, string | undefined> {
  return { log: filter.log, tenant_id: filter.log === "installation" ? undefined : filter.tenant };
}

export function useAudit(filter: AuditFilter): UseInfiniteQueryResult<InfiniteData<AuditPage>> {
  const { action, actor, workspace, from, to } = filter;
  return useInfiniteQuery({
    queryKey: [...queryKeys.audit, filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<AuditPage>("/audit", {
        query: { ...logQuery(filter), action, actor, workspace, from, to, before: pageParam },
        signal,
      }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next,
  });
}

/** Checks the whole log, when asked to. */
export function useVerification(filter: AuditFilter): UseQueryResult<AuditVerification> {
  return useQuery({
    queryKey: [...queryKeys.audit, "verification", filter.log, filter.tenant],
    queryFn: ({ signal }) => api.get<AuditVerification>("/audit/verification", { query: logQuery(filter), signal }),
    enabled: false,
    gcTime: 0,
  });
}

/** Tenants an administrator may look at, each by one of its owners. */
export function useTenants(enabled: boolean): { value: string; label: string }[] {
  const users = useQuery({
    queryKey: queryKeys.auditTenants,
    queryFn: ({ signal }) => api.get<Page<User>>("/users", { query: { all: true, limit: 200 }, signal }),
    enabled,
  });
  const names = new Map<string, string>();
  for (const user of users.data?.items ?? []) {
    if (user.role === "owner" || !names.has(user.tenant_id)) names.set(user.tenant_id, user.email);
  }
  return [...names].map(([value, label]) => ({ value, label }));
}
