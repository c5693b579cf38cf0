/**
 * What was typed and is not saved yet, kept in the browser so that a reload or a crash loses nothing.
 *
 * Invariants: a draft names the version on disk it was made from; it goes away once it is saved or given up.
 */

export interface Draft {
  text: string;
  etag: string | null;
  bom: boolean;
  savedAt: number;
}

const DATABASE = "coditect-drafts";
const STORE = "drafts";
/** Drafts nobody came back for are dropped after this long, in milliseconds. */
const KEEP_MS = 30 * 24 * 3600 * 1000;

function wait<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's storage failed."));
  });
}

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's storage cannot be opened."));
  });
  return opened;
}

/** Larger texts do not fit into the storage that can be written at once, in UTF-16 units. */
const LAST_WORDS_MAX = 1024 * 1024;

export class Drafts {
  constructor(private readonly workspaceId: string) {}

  #lastWordsKey(path: string): string {
    return `coditect.draft:${this.workspaceId}:${path}`;
  }

  /** For a page that goes away now: the database would answer too late, this tab's own storage does not. */
  putNow(path: string, draft: Omit<Draft, "savedAt">): void {
    if (draft.text.length > LAST_WORDS_MAX) return;
    try {
      sessionStorage.setItem(this.#lastWordsKey(path), JSON.stringify({ ...draft, savedAt: Date.now() }));
    } catch {
      // Full or forbidden; what reached the database before stays.
    }
  }

  #takeLastWords(path: string): Draft | null {
    try {
      const text = sessionStorage.getItem(this.#lastWordsKey(path));
      sessionStorage.removeItem(this.#lastWordsKey(path));
      return text === null ? null : (JSON.parse(text) as Draft);
    } catch {
      return null;
    }
  }

  #key(path: string): string[] {
    return [this.workspaceId, path];
  }

  async #store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    return (await database()).transaction(STORE, mode).objectStore(STORE);
  }

  async put(path: string, draft: Omit<Draft, "savedAt">): Promise<void> {
    await wait((await this.#store("readwrite")).put({ ...draft, savedAt: Date.now() }, this.#key(path)));
  }

  async get(path: string): Promise<Draft | null> {
    const last = this.#takeLastWords(path);
    const found: unknown = await wait((await this.#store("readonly")).get(this.#key(path))).catch(() => null);
    const kept = (found as Draft | undefined) ?? null;
    return last && (!kept || last.savedAt >= kept.savedAt) ? last : kept;
  }

  async remove(path: string): Promise<void> {
    await wait((await this.#store("readwrite")).delete(this.#key(path)));
  }

  /** Paths of this workspace with a draft; old drafts of any workspace are dropped on the way. */
  async paths(): Promise<string[]> {
    const store = await this.#store("readwrite");
    const found: string[] = [];
    const cursor = store.openCursor();
    return new Promise((resolve, reject) => {
      cursor.onerror = () => reject(cursor.error ?? new Error("The browser's storage failed."));
      cursor.onsuccess = () => {
        const at = cursor.result;
        if (!at) return resolve(found);
        const [workspace, path] = Array.isArray(at.key) ? at.key : [];
        if (Date.now() - (at.value as Draft).savedAt > KEEP_MS) at.delete();
        else if (workspace === this.workspaceId && typeof path === "string") found.push(path);
        at.continue();
      };
    });
  }
}
