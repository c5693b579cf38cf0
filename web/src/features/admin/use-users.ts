import {
  useInfiniteQuery,
  useMutation,
  useQueryClient,
  type InfiniteData,
  type UseInfiniteQueryResult,
  type UseMutationResult,
} from "@tanstack/react-query";
import { api } from "../../api/client";
import { queryKeys } from "../../api/query-keys";
import type { CreateUser, Page, UpdateUser, User, UserWithPassword } from "../../api/types";

export function useUsers(): UseInfiniteQueryResult<User[]> {
  return useInfiniteQuery({
    queryKey: queryKeys.users,
    queryFn: ({ pageParam, signal }) =>
      api.get<Page<User>>("/users", { query: { all: true, after: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    select: (data: InfiniteData<Page<User>>) => data.pages.flatMap((page) => page.items),
  });
}

export function useCreateUser(): UseMutationResult<UserWithPassword, Error, CreateUser> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body) => api.post<UserWithPassword>("/users", body),
    onSuccess: () => client.invalidateQueries({ queryKey: queryKeys.users }),
  });
}

export function useUpdateUser(): UseMutationResult<User, Error, { id: string; change: UpdateUser }> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, change }) => api.patch<User>(`/users/${id}`, change),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: queryKeys.users }),
        client.invalidateQueries({ queryKey: queryKeys.me }),
      ]),
  });
}

export function useResetPassword(): UseMutationResult<UserWithPassword, Error, string> {
  return useMutation({ mutationFn: (id) => api.post<UserWithPassword>(`/users/${id}/password`) });
}
