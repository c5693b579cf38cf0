import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { api } from "./client";
import { ApiError } from "./errors";
import { queryKeys } from "./query-keys";
import type { Identity, User } from "./types";

async function fetchMe(signal: AbortSignal): Promise<User | null> {
  try {
    return (await api.get<Identity>("/auth/me", { signal })).user;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** Who is logged in: a user, null (nobody), or undefined while that is not known yet. */
export function useMe(): UseQueryResult<User | null> {
  return useQuery({
    queryKey: queryKeys.me,
    queryFn: ({ signal }) => fetchMe(signal),
    staleTime: 60_000,
  });
}
