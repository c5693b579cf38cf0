/**
 * The file tree of a workspace: which directories were read, what is selected, and keeping it as the disk is.
 *
 * Invariants: a directory is read by one request at a time; a change on disk is seen by reading the directory again,
 * never by guessing; a busy directory is read at most at a share of the time that reading takes.
 */
import { createStore } from "zustand/vanilla";
import { ApiError, messageOf } from "../../../api/errors";
import type { FileEntry, Listing } from "../../../api/types";
import { parentOf, ROOT } from "../paths";
import type { FilesApi } from "./files-api";
import type { Creating, Directory } from "./tree-model";

const PAGE = 1000;
const REFRESH_AFTER_MS = 120;
/** Rest after a refresh, as a multiple of what it took. */
const REST_FACTOR = 3;
const REST_MAX_MS = 10_000;

export interface TreeState {
  directories: ReadonlyMap<string, Directory>;
  selected: readonly string[];
  focused: string | null;
  renaming: string | null;
  creating: Creating | null;
}

export class TreeStore {
  readonly root = ROOT;
  readonly store = createStore<TreeState>(() => ({
    directories: new Map(),
    selected: [],
    focused: null,
    renaming: null,
    creating: null,
  }));
  readonly #waiting = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #reading = new Map<string, Promise<void>>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();

  constructor(
    private readonly files: FilesApi,
    private readonly isExpanded: (path: string) => boolean,
  ) {}

  get directories(): ReadonlyMap<string, Directory> {
    return this.store.getState().directories;
  }

  /** Reads a directory that was not read yet. */
  ensure(path: string): Promise<void> {
    const present = this.directories.get(path);
    if (present && present.error === null) return Promise.resolve();
    return this.#read(path);
  }

  /** Reads the next page of a large directory. */
  more(path: string): Promise<void> {
    const directory = this.directories.get(path);
    if (!directory || directory.next === null || directory.loading) return Promise.resolve();
    const { next } = directory;
    this.#put(path, { ...directory, loading: true });
    return this.#once(path, async () => {
      try {
        const page = await this.files.list(path, next, PAGE);
        const now = this.directories.get(path);
        if (now) this.#put(path, appended(now, page));
      } catch {
        // The connection state says why; the page is asked for again when the row is next shown or the tree is read.
        this.#put(path, { ...directory, loading: false });
      }
    });
  }

  /** Something changed in these directories. */
  refresh(paths: Iterable<string>): void {
    for (const path of paths) {
      if (!this.directories.has(path) || this.#waiting.has(path)) continue;
      if (this.#busy.has(path)) {
        this.#again.add(path);
        continue;
      }
      this.#waiting.set(path, setTimeout(() => void this.#refreshNow(path), REFRESH_AFTER_MS));
    }
  }

  refreshAll(): void {
    this.refresh([...this.directories.keys()]);
  }

  /** Reads it again and waits, because the user did something there and looks for the result. */
  async reread(path: string): Promise<void> {
    if (this.directories.has(path)) await this.#read(path);
  }

  /** Directories that are shown, the outer ones first: what is worth watching. */
  shownDirectories(): string[] {
    return [...this.directories.keys()]
      .filter((path) => path === this.root || this.#isShown(path))
      .sort((left, right) => left.length - right.length);
  }

  select(selected: readonly string[], focused: string | null): void {
    this.store.setState({ selected, focused });
  }

  edit(change: Pick<Partial<TreeState>, "renaming" | "creating">): void {
    this.store.setState(change);
  }

  entry(path: string): FileEntry | undefined {
    return this.directories.get(parentOf(path))?.entries.find((entry) => entry.path === path);
  }

  dispose(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  #isShown(path: string): boolean {
    for (let at = path; at !== this.root; at = parentOf(at)) {
      if (at === "/" || !this.isExpanded(at)) return false;
    }
    return true;
  }

  async #refreshNow(path: string): Promise<void> {
    this.#waiting.delete(path);
    this.#busy.add(path);
    const started = performance.now();
    await this.#read(path);
    this.#busy.delete(path);
    if (!this.#again.delete(path)) return;
    const rest = Math.min(REST_MAX_MS, (performance.now() - started) * REST_FACTOR);
    this.#waiting.set(path, setTimeout(() => void this.#refreshNow(path), Math.max(REFRESH_AFTER_MS, rest)));
  }

  #read(path: string): Promise<void> {
    return this.#once(path, async () => {
      const before = this.directories.get(path);
      if (!before) this.#put(path, { entries: [], total: 0, next: null, loading: true, error: null });
      try {
        this.#put(path, await this.#pages(path, Math.max(PAGE, before?.entries.length ?? 0)));
      } catch (error) {
        if (error instanceof ApiError && error.kind === "not_found" && path !== this.root) return this.#drop(path);
        if (error instanceof ApiError && error.retryable && before) return;
        this.#put(path, { entries: [], total: 0, next: null, loading: false, error: messageOf(error) });
      }
    });
  }

  /** As many pages as were shown before, so that nothing a user looks at disappears. */
  async #pages(path: string, wanted: number): Promise<Directory> {
    let directory: Directory = { entries: [], total: 0, next: null, loading: false, error: null };
    do {
      directory = appended(directory, await this.files.list(path, directory.next ?? undefined, PAGE));
    } while (directory.next !== null && directory.entries.length < wanted);
    return directory;
  }

  /** One request per directory; whoever asks meanwhile is served by another one behind it. */
  #once(path: string, read: () => Promise<void>): Promise<void> {
    const running = this.#reading.get(path);
    const next = (running ?? Promise.resolve()).then(read, read).finally(() => {
      if (this.#reading.get(path) === next) this.#reading.delete(path);
    });
    this.#reading.set(path, next);
    return next;
  }

  #put(path: string, directory: Directory): void {
    this.store.setState(({ directories }) => ({ directories: new Map(directories).set(path, directory) }));
  }

  #drop(path: string): void {
    this.store.setState(({ directories }) => {
      const kept = [...directories].filter(([other]) => other !== path && !other.startsWith(`${path}/`));
      return { directories: new Map(kept) };
    });
  }
}

function appended(directory: Directory, page: Listing): Directory {
  const known = new Set(directory.entries.slice(-PAGE).map(({ path }) => path));
  const fresh = page.entries.filter(({ path }) => !known.has(path));
  return {
    entries: [...directory.entries, ...fresh],
    total: page.total,
    next: page.next ?? null,
    loading: false,
    error: null,
  };
}
