import type { ReactElement } from "react";
import { Outlet } from "react-router";
import { useMe } from "../api/use-me";
import { NotFoundPage } from "./not-found-page";

/** For administrators. To everyone else these pages look as if they did not exist, as the API answers too. */
export function RequireAdmin(): ReactElement {
  const me = useMe();
  return me.data?.admin ? <Outlet /> : <NotFoundPage />;
}
