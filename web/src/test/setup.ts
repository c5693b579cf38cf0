import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// A busy machine takes longer than a second to load a page that is loaded when it is first visited.
configure({ asyncUtilTimeout: 10_000 });

// jsdom lays nothing out; these are the browser interfaces that components ask for and jsdom does not have.
class ResizeObserverInert implements ResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

if (typeof window !== "undefined") {
  window.ResizeObserver ??= ResizeObserverInert;
  window.matchMedia ??= (query: string): MediaQueryList => ({
    matches: false,
    media: query,
    onchange: null,
    addListener() {},
    removeListener() {},
    addEventListener() {},
    removeEventListener() {},
    dispatchEvent: () => false,
  });
  window.HTMLElement.prototype.scrollIntoView ??= () => {};
}

afterEach(cleanup);
