import {
  queryOptions,
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
  type UseMutationResult,
  type UseQueryResult,
} from "@tanstack/react-query";
import { api } from "../../api/client";
import { queryKeys } from "../../api/query-keys";
import type { Page, SetTier, Tier } from "../../api/types";

const tiersQuery = queryOptions({
  queryKey: queryKeys.tiers,
  queryFn: ({ signal }) => api.get<Page<Tier>>("/tiers", { signal }),
  select: (page) => page.items,
});

export function useTiers(): UseQueryResult<Tier[]> {
  return useQuery(tiersQuery);
}

/** Names of the tiers that a user can be given. */
export function useTierNames(): string[] {
  const tiers = useQuery({ ...tiersQuery, staleTime: Infinity });
  return tiers.data?.map((tier) => tier.name) ?? [];
}

/**
 * Workspaces show their tier's limits, so they are asked for again too. Nobody waits for that: once the list is there
 * without a tier, the dialog that removed it is gone and could tell nothing any more.
 */
function changed(client: QueryClient): void {
  const keys = [queryKeys.tiers, queryKeys.workspaces, queryKeys.allWorkspaces];
  for (const queryKey of keys) void client.invalidateQueries({ queryKey });
}

export function useSetTier(): UseMutationResult<Tier, Error, { name: string; limits: SetTier }> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, limits }) => api.put<Tier>(`/tiers/${encodeURIComponent(name)}`, limits),
    onSettled: () => changed(client),
  });
}

export function useRemoveTier(): UseMutationResult<void, Error, string> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name) => api.delete(`/tiers/${encodeURIComponent(name)}`),
    onSettled: () => changed(client),
  });
}
