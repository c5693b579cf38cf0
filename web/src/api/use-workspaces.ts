import {
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
  type UseMutationResult,
  type UseQueryResult,
} from "@tanstack/react-query";
import { isTransitional } from "../lib/workspace-state";
import { api } from "./client";
import { queryKeys } from "./query-keys";
import type { CreateWorkspace, Page, Workspace } from "./types";

const PAGES_MAX = 20;
const CALM_MS = 5_000;
const BUSY_MS = 800;
/** How long the server may hold an answer back for the state to change: most starts are done by then. */
const WAIT_MS = 1_500;

/** All pages of a list, up to a bound that no tier reaches. */
export async function allPages<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer: Page<T> = await api.get<Page<T>>(path, { query: { after }, signal });
    items.push(...answer.items);
    if (!answer.next) break;
    after = answer.next;
  }
  return items;
}

/** The user's workspaces; asked again more often while one of them is on its way. */
export function useWorkspaces(enabled = true): UseQueryResult<Workspace[]> {
  return useQuery({
    queryKey: queryKeys.workspaces,
    queryFn: ({ signal }) => allPages<Workspace>("/workspaces", signal),
    enabled,
    refetchInterval: ({ state }) => (state.data?.some((w) => isTransitional(w.state)) ? BUSY_MS : CALM_MS),
  });
}

function put(client: QueryClient, workspace: Workspace): void {
  client.setQueryData<Workspace[]>(queryKeys.workspaces, (old) => {
    if (!old) return old;
    const known = old.some((w) => w.id === workspace.id);
    return known ? old.map((w) => (w.id === workspace.id ? workspace : w)) : [workspace, ...old];
  });
}

export function useCreateWorkspace(): UseMutationResult<Workspace, Error, CreateWorkspace> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body) => api.post<Workspace>("/workspaces", body),
    onSuccess: (workspace) => put(client, workspace),
  });
}

export function useRenameWorkspace(): UseMutationResult<Workspace, Error, { id: string; name: string }> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, name }) => api.patch<Workspace>(`/workspaces/${id}`, { name }),
    onSuccess: (workspace) => put(client, workspace),
  });
}

export function usePowerWorkspace(): UseMutationResult<Workspace, Error, { id: string; power: "start" | "stop" }> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, power }) => api.post<Workspace>(`/workspaces/${id}/${power}`, {}, { query: { wait_ms: WAIT_MS } }),
    onSuccess: (workspace) => put(client, workspace),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: queryKeys.workspaces }),
        client.invalidateQueries({ queryKey: queryKeys.allWorkspaces }),
      ]),
  });
}

export function useDeleteWorkspace(): UseMutationResult<unknown, Error, string> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id) => api.delete<unknown>(`/workspaces/${id}`),
    onSuccess: (_answer, id) =>
      client.setQueryData<Workspace[]>(queryKeys.workspaces, (old) =>
        old?.map((w) => (w.id === id ? { ...w, desired: "deleted", state: "deleting" } : w)),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: queryKeys.workspaces }),
  });
}
