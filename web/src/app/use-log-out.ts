import { useMutation, useQueryClient, type UseMutationResult } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { announceLogin } from "../api/login-channel";
import { api } from "../api/client";
import { messageOf } from "../api/errors";
import { queryKeys } from "../api/query-keys";
import { notifyFailed } from "../lib/notify";

/** Ends the login here and in every other tab. */
export function useLogOut(): UseMutationResult<unknown, Error, void> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: () => api.post<unknown>("/auth/logout"),
    onSuccess: async () => {
      await navigate("/login");
      client.clear();
      client.setQueryData(queryKeys.me, null);
      announceLogin();
    },
    onError: (error) => notifyFailed("You are still logged in", messageOf(error)),
  });
}
