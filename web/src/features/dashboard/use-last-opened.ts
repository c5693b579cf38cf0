import { useQuery } from "@tanstack/react-query";
import { queryKeys } from "../../api/query-keys";
import type { Session } from "../../api/types";
import { allPages } from "../../api/use-workspaces";

/** When each workspace was last used by this user, from the sessions. */
export function useLastOpened(): ReadonlyMap<string, number> | undefined {
  const sessions = useQuery({
    queryKey: queryKeys.sessions,
    queryFn: ({ signal }) => allPages<Session>("/sessions", signal),
    select: (items): ReadonlyMap<string, number> => new Map(items.map((s) => [s.workspace_id, s.last_seen_at])),
  });
  return sessions.data;
}
