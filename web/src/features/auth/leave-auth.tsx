import { useEffect, type ReactElement } from "react";
import { Navigate } from "react-router";
import { isServerPath } from "../../lib/safe-next";

/** Sends who is logged in already to where they wanted to go; `to` has been through `safeNext`. */
export function LeaveAuth({ to }: { to: string }): ReactElement | null {
  const server = isServerPath(to);
  useEffect(() => {
    if (server) window.location.assign(to);
  }, [server, to]);
  return server ? null : <Navigate to={to} replace />;
}
