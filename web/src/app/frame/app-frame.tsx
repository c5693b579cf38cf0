import type { ReactElement } from "react";
import { Outlet, ScrollRestoration, useMatches, useNavigation } from "react-router";
import { HeaderSlotsProvider } from "../../ui/header-slots";
import classes from "./app-frame.module.css";
import { Footer } from "./footer";
import { Header } from "./header";
import { useRouteFocus } from "./use-route-focus";

/** What a route may say about its frame. */
export interface FrameHandle {
  /** The page takes the whole window below the header: no footer, no page scrolling. */
  fill?: boolean;
}

function isFrameHandle(handle: unknown): handle is FrameHandle {
  return typeof handle === "object" && handle !== null && "fill" in handle;
}

/** Header, page and footer. Pages put controls of their own into the header with `HeaderSlot` (ui/header-slots). */
export function AppFrame(): ReactElement {
  const fill = useMatches().some(({ handle }) => isFrameHandle(handle) && handle.fill === true);
  const main = useRouteFocus();
  const busy = useNavigation().state === "loading";
  return (
    <HeaderSlotsProvider>
      <div className={classes.frame} data-fill={fill || undefined}>
        <a href="#main" className={classes.skip}>
          Skip to content
        </a>
        <Header />
        {busy && <div className={classes.progress} aria-hidden="true" />}
        <main id="main" ref={main} className={classes.main} tabIndex={-1} aria-busy={busy || undefined}>
          <Outlet />
        </main>
        {!fill && <Footer />}
      </div>
      <ScrollRestoration />
    </HeaderSlotsProvider>
  );
}
