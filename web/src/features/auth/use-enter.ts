import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useNavigate } from "react-router";
import { announceLogin } from "../../api/login-channel";
import { queryKeys } from "../../api/query-keys";
import type { LoggedIn } from "../../api/types";
import { isServerPath } from "../../lib/safe-next";

/** Goes on after logging in; `next` has been through `safeNext`. */
export function useEnter(): (loggedIn: LoggedIn, next: string) => Promise<void> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useCallback(
    async (loggedIn, next) => {
      client.clear();
      client.setQueryData(queryKeys.me, loggedIn.user);
      announceLogin();
      if (isServerPath(next)) window.location.assign(next);
      else await navigate(next, { replace: true });
    },
    [client, navigate],
  );
}
