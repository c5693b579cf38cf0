import { useEffect, type ReactElement } from "react";
import { Navigate, Outlet, useLocation } from "react-router";
import { ApiError, messageOf } from "../api/errors";
import { useMe } from "../api/use-me";
import { loginPath } from "../lib/safe-next";
import { ErrorNotice } from "../ui/error-notice";
import { ListSkeleton } from "../ui/list-skeleton";
import { Page } from "../ui/page";
import { preloadIde } from "./preload-ide";

/** Shows its routes to who is logged in; everyone else logs in first and comes back. */
export function RequireLogin(): ReactElement {
  const me = useMe();
  const location = useLocation();
  const loggedIn = Boolean(me.data);
  useEffect(() => (loggedIn ? preloadIde() : undefined), [loggedIn]);
  if (me.data) return <Outlet />;
  if (me.data === null) {
    return <Navigate to={loginPath(location.pathname + location.search)} replace />;
  }
  if (me.isError) {
    return (
      <Page title="Cannot load your account" width="narrow">
        <ErrorNotice
          title="Something is in the way"
          message={messageOf(me.error)}
          requestId={me.error instanceof ApiError ? me.error.requestId : undefined}
          onRetry={() => void me.refetch()}
        />
      </Page>
    );
  }
  return <ListSkeleton rows={3} height={96} />;
}
