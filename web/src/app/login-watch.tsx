import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { onLoginEnded } from "../api/client";
import { onLoginElsewhere } from "../api/login-channel";
import { queryKeys } from "../api/query-keys";

/** Keeps "who is logged in" true when the login ends, or when another tab logs in or out. */
export function LoginWatch(): null {
  const client = useQueryClient();
  useEffect(() => onLoginEnded(() => client.setQueryData(queryKeys.me, null)), [client]);
  useEffect(() => onLoginElsewhere(() => void client.invalidateQueries()), [client]);
  return null;
}
