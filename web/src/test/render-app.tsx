import { MantineProvider } from "@mantine/core";
import { ModalsProvider } from "@mantine/modals";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { render, type RenderResult } from "@testing-library/react";
import { createMemoryRouter, RouterProvider } from "react-router";
import { createQueryClient } from "../api/query-client";
import { LoginWatch } from "../app/login-watch";
import { routes } from "../app/routes";
import { cssVariables, theme } from "../app/theme";

export type Scheme = "light" | "dark";

export interface RenderedApp extends RenderResult {
  /** Path and query where the app is now. */
  where: () => string;
}

/** The whole app, at a path, against whatever `fetch` is. */
export function renderApp(path: string, scheme: Scheme = "light"): RenderedApp {
  const router = createMemoryRouter(routes, { initialEntries: [path] });
  const result = render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} forceColorScheme={scheme} env="test">
      <QueryClientProvider client={createQueryClient()}>
        <LoginWatch />
        <ModalsProvider>
          <Notifications />
          <RouterProvider router={router} />
        </ModalsProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...result, where: () => router.state.location.pathname + router.state.location.search };
}
