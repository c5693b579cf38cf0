/**
 * The layout of an open session: changed by actions, saved behind the user's back.
 *
 * Invariants: every change reaches the server within a debounce, or is merged with another device's first; one save
 * runs at a time; a page that goes away sends its last layout.
 */
import { createStore, type StoreApi } from "zustand/vanilla";
import { api } from "../../../api/client";
import { ApiError } from "../../../api/errors";
import type { Session } from "../../../api/types";
import { EXPANDED_MAX, type Layout, parseLayout } from "./layout";
import { mergeLayouts } from "./merge";
import { type LayoutAction, reduceLayout } from "./reduce";

const SAVE_AFTER_MS = 500;
const RETRY_AFTER_MS = 3000;
/** Below the server's limit of 64 KiB, with room for what wraps the layout. */
const SAVE_MAX_BYTES = 60 * 1024;

/** Drops what is least missed until the layout is small enough to be saved. */
export function fitLayout(layout: Layout): Layout {
  const bytes = (value: Layout) => new TextEncoder().encode(JSON.stringify(value)).length;
  let fitted = layout;
  for (let keep = EXPANDED_MAX; bytes(fitted) > SAVE_MAX_BYTES && keep > 1; keep = Math.floor(keep / 2)) {
    fitted = { ...fitted, closed: [], expanded: fitted.expanded.slice(-keep) };
  }
  for (let keep = 32; bytes(fitted) > SAVE_MAX_BYTES && keep >= 1; keep = Math.floor(keep / 2)) {
    const groups = fitted.groups.map((group) => ({ ...group, tabs: group.tabs.slice(-keep) }));
    fitted = parseLayout({ ...fitted, expanded: [], groups });
  }
  return fitted;
}

export class LayoutStore {
  readonly store: StoreApi<Layout>;
  #session: Pick<Session, "id" | "layout_version">;
  #saved: Layout;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #saving = false;
  #stopped = false;

  constructor(session: Session) {
    this.#session = session;
    this.#saved = parseLayout(session.layout);
    this.store = createStore(() => this.#saved);
  }

  get layout(): Layout {
    return this.store.getState();
  }

  dispatch = (action: LayoutAction): void => {
    const next = reduceLayout(this.layout, action);
    if (next === this.layout) return;
    this.store.setState(next, true);
    this.#saveIn(SAVE_AFTER_MS);
  };

  /** The session was opened again; another device may have changed it meanwhile. */
  resume(session: Session): void {
    this.#adopt(session);
    this.#saveIn(SAVE_AFTER_MS);
  }

  /** The page goes away: what is not saved goes out now. */
  flush = (): void => {
    if (this.#timer === null || this.#stopped) return;
    this.#cancel();
    const body = { layout_version: this.#session.layout_version, layout: fitLayout(this.layout) };
    api.put(`/sessions/${this.#session.id}`, body, { keepalive: true }).then(
      (session) => this.#took(session as Session, this.layout),
      // Nobody is left to tell; the next device starts from the last saved layout.
      () => undefined,
    );
  };

  stop(): void {
    this.flush();
    this.#stopped = true;
  }

  #cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #saveIn(ms: number): void {
    if (this.#stopped) return;
    this.#cancel();
    this.#timer = setTimeout(() => void this.#save(), ms);
  }

  async #save(): Promise<void> {
    this.#timer = null;
    if (this.#saving) return this.#saveIn(SAVE_AFTER_MS);
    const layout = this.layout;
    if (JSON.stringify(layout) === JSON.stringify(this.#saved)) return;
    this.#saving = true;
    const path = `/sessions/${this.#session.id}`;
    try {
      const body = { layout_version: this.#session.layout_version, layout: fitLayout(layout) };
      this.#took(await api.put<Session>(path, body), layout);
    } catch (error) {
      await this.#failed(error, path);
    } finally {
      this.#saving = false;
    }
  }

  async #failed(error: unknown, path: string): Promise<void> {
    if (error instanceof ApiError && error.kind === "precondition_failed") {
      const session = await api.get<Session>(path).catch(() => null);
      if (session) this.#adopt(session);
      return this.#saveIn(SAVE_AFTER_MS);
    }
    if (error instanceof ApiError && !error.retryable) return;
    this.#saveIn(RETRY_AFTER_MS);
  }

  #took(session: Session, layout: Layout): void {
    this.#session = { id: session.id, layout_version: session.layout_version };
    this.#saved = layout;
  }

  #adopt(session: Session): void {
    const theirs = parseLayout(session.layout);
    const merged = mergeLayouts(this.#saved, this.layout, theirs);
    this.#took(session, theirs);
    this.store.setState(merged, true);
  }
}
