/**
 * One open text file: its Monaco model, its state against the disk, and its draft.
 *
 * Invariants: the state changes only through `stepDocument`; the model's text is what a save sends; a dirty text has a
 * draft in the browser.
 */
import type * as Monaco from "monaco-editor/editor/editor.api";
import { ApiError, messageOf } from "../../../api/errors";
import type { FilesApi } from "../files/files-api";
import { type Found, readDisk } from "./disk";
import { type DocEvent, type DocState, FRESH, stepDocument } from "./document-machine";
import type { Drafts } from "./drafts";
import { encodeText, smallestReplacement } from "./text-file";

const AUTOSAVE_MS = 1000;
const DRAFT_MS = 300;

export interface DocumentHost {
  files: FilesApi;
  drafts: Drafts;
  autosave: () => boolean;
  changed: (document: OpenDocument) => void;
  /** The file turned into something that is no text. */
  replaced: (document: OpenDocument, found: Found) => void;
}

type TextFound = Extract<Found, { kind: "text" }>;

export class OpenDocument {
  state: DocState = FRESH;
  bom: boolean;
  readOnly: boolean;
  #savedVersion: number;
  #autosave: ReturnType<typeof setTimeout> | null = null;
  #draft: ReturnType<typeof setTimeout> | null = null;
  #disposed = false;
  #loading = false;
  #checkAfterLoading = false;

  constructor(
    public path: string,
    readonly model: Monaco.editor.ITextModel,
    found: TextFound,
    private readonly host: DocumentHost,
  ) {
    this.bom = found.bom;
    this.readOnly = found.readOnly;
    this.#savedVersion = model.getAlternativeVersionId();
    this.state = { ...FRESH, etag: found.etag };
    model.onDidChangeContent(() => this.#edited());
  }

  get isDirty(): boolean {
    return this.model.getAlternativeVersionId() !== this.#savedVersion;
  }

  dispatch(event: DocEvent): void {
    if (this.#disposed) return;
    const { state, effect } = stepDocument(this.state, event);
    this.state = state;
    this.host.changed(this);
    if (effect === "write") void this.#write();
    else if (effect === "reload") void this.reload();
    else if (effect === "check") void this.check();
  }

  /** Puts a draft of an earlier page back: as unsaved text, or as a conflict when the file went on without it. */
  restore(text: string, etag: string | null): void {
    if (text === this.model.getValue()) return void this.host.drafts.remove(this.path);
    const disk = this.state.etag;
    this.#replaceText(text);
    if (etag !== disk) this.state = { ...this.state, etag, conflict: { etag: disk } };
    this.dispatch({ type: "edited", dirty: true });
  }

  save(): void {
    this.#cancelAutosave();
    if (!this.readOnly) this.dispatch({ type: "save" });
  }

  /** Compares with the disk and follows it where that costs nobody anything. */
  async check(): Promise<void> {
    try {
      const entry = await this.host.files.stat(this.path);
      this.dispatch({ type: "disk", etag: entry.etag ?? null });
    } catch (error) {
      if (error instanceof ApiError && error.kind === "not_found") this.dispatch({ type: "disk", etag: null });
    }
  }

  async reload(): Promise<void> {
    if (this.#loading) {
      this.#checkAfterLoading = true;
      return;
    }
    this.#loading = true;
    const version = this.model.getAlternativeVersionId();
    try {
      const found = await readDisk(this.host.files, this.path);
      if (this.#disposed) return;
      if (found.kind !== "text") return this.host.replaced(this, found);
      if (this.model.getAlternativeVersionId() !== version) {
        // Typed while the file was being read: that is for the user to decide.
        this.state = { ...this.state, conflict: { etag: found.etag } };
        return this.host.changed(this);
      }
      this.bom = found.bom;
      this.readOnly = found.readOnly;
      this.#replaceText(found.text);
      this.#savedVersion = this.model.getAlternativeVersionId();
      this.#dropDraft();
      this.dispatch({ type: "loaded", etag: found.etag, dirty: false });
    } catch (error) {
      this.dispatch({ type: "failed", message: messageOf(error) });
    } finally {
      this.#loading = false;
      if (this.#checkAfterLoading) {
        this.#checkAfterLoading = false;
        void this.check();
      }
    }
  }

  /** Writes the draft out now, because the page may go away. */
  flushDraft(): void {
    if (this.#draft === null) return;
    this.host.drafts.putNow(this.path, { text: this.model.getValue(), etag: this.state.etag, bom: this.bom });
    this.#putDraft();
  }

  /** Given up by the user: nothing of it stays. */
  discard(): void {
    this.#dropDraft();
    this.dispose();
  }

  dispose(): void {
    if (this.#disposed) return;
    if (this.isDirty) this.flushDraft();
    this.#disposed = true;
    this.#cancelAutosave();
    if (this.#draft !== null) clearTimeout(this.#draft);
    this.model.dispose();
  }

  #edited(): void {
    const dirty = this.isDirty;
    if (dirty !== this.state.dirty) this.dispatch({ type: "edited", dirty });
    if (!dirty) return this.#dropDraft();
    if (this.#draft !== null) clearTimeout(this.#draft);
    this.#draft = setTimeout(() => this.#putDraft(), DRAFT_MS);
    this.#cancelAutosave();
    if (this.host.autosave()) this.#autosave = setTimeout(() => this.save(), AUTOSAVE_MS);
  }

  async #write(): Promise<void> {
    const version = this.model.getAlternativeVersionId();
    const bytes = encodeText({ text: this.model.getValue(), bom: this.bom });
    try {
      const entry = await this.host.files.write(this.path, bytes, this.state.deleted ? null : this.state.etag);
      this.#savedVersion = version;
      if (!this.isDirty) this.#dropDraft();
      this.dispatch({ type: "saved", etag: entry.etag ?? null, dirty: this.isDirty });
    } catch (error) {
      if (error instanceof ApiError && (error.kind === "precondition_failed" || error.kind === "not_found")) {
        return this.#refused();
      }
      this.dispatch({ type: "failed", message: messageOf(error) });
    }
  }

  /** The file is another one than we know: find out whether it changed or is gone. */
  async #refused(): Promise<void> {
    try {
      const entry = await this.host.files.stat(this.path);
      this.dispatch({ type: "stale", etag: entry.etag ?? null });
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== "not_found") {
        return this.dispatch({ type: "failed", message: messageOf(error) });
      }
      this.state = { ...this.state, saving: false };
      this.dispatch({ type: "disk", etag: null });
    }
  }

  #replaceText(text: string): void {
    const model = this.model;
    const ends = /\r\n/.test(text) ? 1 : 0;
    if (/[\r\n]/.test(text) && (model.getEOL() === "\r\n") !== (ends === 1)) model.setEOL(ends);
    const change = smallestReplacement(model.getValue(), text);
    if (!change) return;
    const [start, end] = [model.getPositionAt(change.start), model.getPositionAt(change.end)];
    const range = {
      startLineNumber: start.lineNumber,
      startColumn: start.column,
      endLineNumber: end.lineNumber,
      endColumn: end.column,
    };
    model.pushEditOperations([], [{ range, text: change.text }], () => null);
  }

  #putDraft(): void {
    if (this.#draft !== null) clearTimeout(this.#draft);
    this.#draft = null;
    const draft = { text: this.model.getValue(), etag: this.state.etag, bom: this.bom };
    // A browser without storage keeps the text in the page only; saving still works.
    this.host.drafts.put(this.path, draft).catch(() => undefined);
  }

  #dropDraft(): void {
    if (this.#draft !== null) clearTimeout(this.#draft);
    this.#draft = null;
    this.host.drafts.remove(this.path).catch(() => undefined);
  }

  #cancelAutosave(): void {
    if (this.#autosave !== null) clearTimeout(this.#autosave);
    this.#autosave = null;
  }
}
