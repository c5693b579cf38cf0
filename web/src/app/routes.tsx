import type { RouteObject } from "react-router";
import { ListSkeleton } from "../ui/list-skeleton";
import { ErrorPage } from "./error-page";
import { AppFrame, type FrameHandle } from "./frame/app-frame";
import { NotFoundPage } from "./not-found-page";
import { RequireAdmin } from "./require-admin";
import { RequireLogin } from "./require-login";

const fill: FrameHandle = { fill: true };

/** Every page is loaded when it is first visited; what is shared by all of them is in the entry. */
export const routes: RouteObject[] = [
  {
    element: <AppFrame />,
    errorElement: <ErrorPage />,
    hydrateFallbackElement: <ListSkeleton rows={3} height={96} />,
    children: [
      {
        path: "login",
        lazy: async () => ({ Component: (await import("../features/auth/login-page")).LoginPage }),
      },
      {
        path: "register",
        lazy: async () => ({ Component: (await import("../features/auth/register-page")).RegisterPage }),
      },
      {
        path: "setup",
        lazy: async () => ({ Component: (await import("../features/auth/setup-page")).SetupPage }),
      },
      {
        path: "docs",
        lazy: async () => ({ Component: (await import("../features/docs/guide-page")).GuidePage }),
      },
      {
        path: "docs/api",
        lazy: async () => ({ Component: (await import("../features/docs/api-page")).ApiPage }),
      },
      {
        element: <RequireLogin />,
        children: [
          {
            index: true,
            lazy: async () => ({ Component: (await import("../features/dashboard/dashboard-page")).DashboardPage }),
          },
          {
            id: "ide",
            path: "workspaces/:workspaceId",
            handle: fill,
            lazy: async () => ({ Component: (await import("../features/ide/ide-page")).default }),
          },
          {
            path: "settings/:section?",
            lazy: async () => ({ Component: (await import("../features/settings/settings-page")).SettingsPage }),
          },
          {
            path: "audit",
            lazy: async () => ({ Component: (await import("../features/audit/audit-page")).AuditPage }),
          },
          {
            element: <RequireAdmin />,
            children: [
              {
                path: "admin/:section?",
                lazy: async () => ({ Component: (await import("../features/admin/admin-page")).AdminPage }),
              },
            ],
          },
        ],
      },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
];
