import type { ReactElement } from "react";
import { Outlet, useMatches } from "react-router";
import { HeaderSlotsProvider } from "../../ui/header-slots";
import classes from "./app-frame.module.css";
import { Footer } from "./footer";
import { Header } from "./header";

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
  return (
    <HeaderSlotsProvider>
      <div className={classes.frame} data-fill={fill || undefined}>
        <a href="#main" className={classes.skip}>
          Skip to content
        </a>
        <Header />
        <main id="main" className={classes.main} tabIndex={-1}>
          <Outlet />
        </main>
        {!fill && <Footer />}
      </div>
    </HeaderSlotsProvider>
  );
}
