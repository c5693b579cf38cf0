/**
 * The files open in the editor, by path, and what the page shows of each.
 *
 * Invariants: one model per path, shared by every group that shows it; a path stays open while a tab names it.
 */
import type * as Monaco from "monaco-editor/editor/editor.api";
import { createStore } from "zustand/vanilla";
import { messageOf } from "../../../api/errors";
import type { FilesApi } from "../files/files-api";
import { isInside, moved } from "../paths";
import { type Found, peekDisk, readDisk } from "./disk";
import { type DocState, FRESH } from "./document-machine";
import { Drafts } from "./drafts";
import { type DocumentHost, OpenDocument } from "./open-document";

export type Notice = Exclude<Found, { kind: "text" | "peek" }>;

export interface DocView {
  path: string;
  status: "loading" | "text" | "notice";
  notice: Notice | null;
  state: DocState;
  readOnly: boolean;
  /** Shows only the beginning of a file that is no text. */
  peek: boolean;
  /** For people, such as `TypeScript`. */
  language: string;
  eol: "LF" | "CRLF";
  bom: boolean;
}

interface Entry {
  document: OpenDocument | null;
  /** Of a peek, which has no document. */
  model: Monaco.editor.ITextModel | null;
  opening: Promise<void> | null;
}

export class Documents {
  readonly store = createStore<Record<string, DocView>>(() => ({}));
  readonly #entries = new Map<string, Entry>();
  readonly #drafts: Drafts;
  readonly #host: DocumentHost;

  constructor(
    private readonly files: FilesApi,
    workspaceId: string,
    readonly loadMonaco: () => Promise<typeof Monaco>,
    autosave: () => boolean,
  ) {
    this.#drafts = new Drafts(workspaceId);
    this.#host = {
      files,
      drafts: this.#drafts,
      autosave,
      changed: (document) => this.#show(document),
      replaced: (document, found) => void this.#replace(document.path, found),
    };
  }

  view(path: string): DocView | undefined {
    return this.store.getState()[path];
  }

  model(path: string): Monaco.editor.ITextModel | null {
    const entry = this.#entries.get(path);
    return entry?.document?.model ?? entry?.model ?? null;
  }

  document(path: string): OpenDocument | null {
    return this.#entries.get(path)?.document ?? null;
  }

  get paths(): string[] {
    return [...this.#entries.keys()];
  }

  /** Opens a path once; asking again while it is open does nothing. */
  open(path: string): Promise<void> {
    const present = this.#entries.get(path);
    if (present?.opening) return present.opening;
    if (present && this.view(path)?.notice?.kind !== "unreadable") return Promise.resolve();
    return this.#load(path, () => readDisk(this.files, path));
  }

  /** Shows the beginning of a file that is not opened as text. */
  peek(path: string): Promise<void> {
    return this.#load(path, () => peekDisk(this.files, path));
  }

  /** Opens so that exactly `paths` are open; a text that is not saved keeps its draft. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.paths) if (!paths.has(path)) this.close(path, false);
  }

  close(path: string, discard: boolean): void {
    const entry = this.#entries.get(path);
    if (!entry) return;
    this.#entries.delete(path);
    if (discard) entry.document?.discard();
    else entry.document?.dispose();
    entry.model?.dispose();
    const notice = this.view(path)?.notice;
    if (notice?.kind === "image") URL.revokeObjectURL(notice.url);
    this.store.setState(({ [path]: _gone, ...rest }) => rest, true);
  }

  save(path: string): void {
    this.document(path)?.save();
  }

  saveAll(): void {
    for (const { document } of this.#entries.values()) if (document?.state.dirty) document.save();
  }

  /** The disk may have changed under these paths, or under all of them. */
  check(changed?: ReadonlySet<string>): void {
    for (const [path, { document }] of this.#entries) {
      if (changed && !changed.has(path)) continue;
      if (document) void document.check();
      else if (this.view(path)?.notice && !this.view(path)?.peek) void this.#load(path, () => readDisk(this.files, path));
    }
  }

  flushDrafts(): void {
    for (const { document } of this.#entries.values()) document?.flushDraft();
  }

  /** Files moved on disk by the user: the open texts follow. */
  followMove(from: string, to: string): void {
    for (const [path, entry] of [...this.#entries]) {
      if (!isInside(path, from)) continue;
      const next = moved(path, from, to);
      this.#entries.delete(path);
      this.#entries.set(next, entry);
      if (entry.document) entry.document.path = next;
      this.store.setState(({ [path]: view, ...rest }) => (view ? { ...rest, [next]: { ...view, path: next } } : rest), true);
      void this.#drafts.remove(path).catch(() => undefined);
      void this.#setLanguage(next, entry);
    }
  }

  /** Paths with unsaved text of an earlier page. */
  async drafted(): Promise<string[]> {
    return this.#drafts.paths().catch(() => []);
  }

  dispose(): void {
    for (const path of this.paths) this.close(path, false);
  }

  async #load(path: string, read: () => Promise<Found>): Promise<void> {
    const entry: Entry = this.#entries.get(path) ?? { document: null, model: null, opening: null };
    this.#entries.set(path, entry);
    if (!this.view(path)) this.#set(path, { status: "loading", notice: null, state: FRESH });
    const loading = this.#fill(path, entry, read).finally(() => {
      entry.opening = null;
    });
    entry.opening = loading;
    return loading;
  }

  async #fill(path: string, entry: Entry, read: () => Promise<Found>): Promise<void> {
    let found: Found;
    try {
      found = await read();
    } catch (error) {
      found = { kind: "unreadable", message: messageOf(error) };
    }
    const monaco = await this.loadMonaco();
    if (this.#entries.get(path) !== entry) return;
    if (found.kind !== "text" && found.kind !== "peek") return this.#set(path, { status: "notice", notice: found });
    entry.model?.dispose();
    entry.model = null;
    const model = monaco.editor.createModel(found.text, undefined, monaco.Uri.file(`${path}`).with({ query: unique() }));
    monaco.editor.setModelLanguage(model, languageOf(monaco, path, model.getLineContent(1)));
    if (found.kind === "peek") {
      entry.model = model;
      this.#set(path, { status: "text", notice: null, readOnly: true, peek: true, language: languageName(monaco, model) });
      return;
    }
    entry.document = new OpenDocument(path, model, found, this.#host);
    this.#show(entry.document);
    this.#set(path, { language: languageName(monaco, model) });
    const draft = await this.#drafts.get(path).catch(() => null);
    if (draft && this.#entries.get(path) === entry) entry.document.restore(draft.text, draft.etag);
  }

  async #replace(path: string, found: Found): Promise<void> {
    this.close(path, true);
    await this.#load(path, () => Promise.resolve(found));
  }

  async #setLanguage(path: string, entry: Entry): Promise<void> {
    const monaco = await this.loadMonaco();
    const model = entry.document?.model ?? entry.model;
    if (!model || model.isDisposed()) return;
    monaco.editor.setModelLanguage(model, languageOf(monaco, path, model.getLineContent(1)));
    this.#set(path, { language: languageName(monaco, model) });
  }

  #show(document: OpenDocument): void {
    if (this.#entries.get(document.path)?.document !== document) return;
    this.#set(document.path, {
      status: "text",
      notice: null,
      state: document.state,
      readOnly: document.readOnly,
      peek: false,
      bom: document.bom,
      eol: document.model.getEOL() === "\r\n" ? "CRLF" : "LF",
    });
  }

  #set(path: string, change: Partial<DocView>): void {
    const blank: DocView = {
      path,
      status: "loading",
      notice: null,
      state: FRESH,
      readOnly: false,
      peek: false,
      language: "Plain text",
      eol: "LF",
      bom: false,
    };
    this.store.setState((views) => ({ ...views, [path]: { ...(views[path] ?? blank), ...change } }));
  }
}

function languageName(monaco: typeof Monaco, model: Monaco.editor.ITextModel): string {
  const id = model.getLanguageId();
  if (id === "plaintext") return "Plain text";
  return monaco.languages.getLanguages().find((language) => language.id === id)?.aliases?.[0] ?? id;
}

let models = 0;

/** A closed file may be opened again before its old model is gone. */
function unique(): string {
  models += 1;
  return String(models);
}

function languageOf(monaco: typeof Monaco, path: string, firstLine: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  let best = { id: "plaintext", length: 0 };
  for (const language of monaco.languages.getLanguages()) {
    if (language.filenames?.some((known) => known.toLowerCase() === name)) return language.id;
    for (const extension of language.extensions ?? []) {
      if (name.endsWith(extension.toLowerCase()) && extension.length > best.length) {
        best = { id: language.id, length: extension.length };
      }
    }
  }
  if (best.length > 0) return best.id;
  if (/^#!.*\b(?:ba|da|z|k)?sh\b/.test(firstLine)) return "shell";
  if (/^#!.*\bpython/.test(firstLine)) return "python";
  if (/^#!.*\bnode\b/.test(firstLine)) return "javascript";
  return "plaintext";
}
