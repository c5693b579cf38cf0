const IDLE_MS = 2_000;

/** Fetches the workspace page while the browser has nothing else to do, so that opening one does not wait for it. */
export function preloadIde(): () => void {
  const load = (): void => {
    // A failure shows itself, with a way on, when the page is opened.
    import("../features/ide/ide-page").catch(() => undefined);
  };
  if (typeof requestIdleCallback === "undefined") {
    const timer = setTimeout(load, IDLE_MS);
    return () => clearTimeout(timer);
  }
  const handle = requestIdleCallback(load, { timeout: IDLE_MS });
  return () => cancelIdleCallback(handle);
}
