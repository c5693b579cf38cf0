/**
 * What may happen to an open file, and what to do about it. Pure.
 *
 * Invariants: one write runs at a time; nothing that changed on disk is overwritten without the user's word; what was
 * typed is never replaced by what is on disk without the user's word.
 */

export interface DocState {
  /** Version on disk that the text started from; null: there is none. */
  etag: string | null;
  dirty: boolean;
  saving: boolean;
  /** Save once more when the present write ends. */
  again: boolean;
  /** Somebody else's version lies in between; `etag` null: they deleted it. */
  conflict: { etag: string | null } | null;
  /** Gone from the disk; the text is kept. */
  deleted: boolean;
  error: string | null;
}

export type DocEvent =
  | { type: "edited"; dirty: boolean }
  | { type: "save" }
  | { type: "saved"; etag: string | null; dirty: boolean }
  | { type: "stale"; etag: string | null }
  | { type: "failed"; message: string }
  | { type: "disk"; etag: string | null }
  | { type: "loaded"; etag: string | null; dirty: boolean }
  | { type: "keep-mine" }
  | { type: "take-theirs" };

/** `write`: send the text over `state.etag`; `reload`: read the file again; `check`: ask for the version on disk. */
export type DocEffect = "none" | "write" | "reload" | "check";

export interface DocStep {
  state: DocState;
  effect: DocEffect;
}

export const FRESH: DocState = {
  etag: null,
  dirty: false,
  saving: false,
  again: false,
  conflict: null,
  deleted: false,
  error: null,
};

function still(state: DocState): DocStep {
  return { state, effect: "none" };
}

function write(state: DocState): DocStep {
  return { state: { ...state, saving: true, again: false, error: null }, effect: "write" };
}

function seenOnDisk(state: DocState, etag: string | null): DocStep {
  // While a write runs nobody can tell whose version this is; the end of the write asks again.
  if (state.saving) return still(state);
  if (etag === state.etag) return still({ ...state, conflict: null, deleted: etag === null && state.deleted });
  if (etag === null) return still({ ...state, deleted: true, conflict: null });
  if (state.dirty) return still({ ...state, deleted: false, conflict: { etag } });
  return { state: { ...state, deleted: false }, effect: "reload" };
}

export function stepDocument(state: DocState, event: DocEvent): DocStep {
  switch (event.type) {
    case "edited":
      return still({ ...state, dirty: event.dirty });
    case "save":
      if (state.conflict) return still(state);
      if (state.saving) return still({ ...state, again: true });
      return state.dirty || state.deleted ? write(state) : still(state);
    case "saved": {
      const next: DocState = {
        ...state,
        etag: event.etag,
        dirty: event.dirty,
        saving: false,
        deleted: false,
        error: null,
      };
      return state.again && event.dirty ? write(next) : { state: { ...next, again: false }, effect: "check" };
    }
    case "stale":
      return still({ ...state, saving: false, again: false, conflict: { etag: event.etag } });
    case "failed":
      return still({ ...state, saving: false, again: false, error: event.message });
    case "disk":
      return seenOnDisk(state, event.etag);
    case "loaded":
      return still({ ...FRESH, etag: event.etag, dirty: event.dirty });
    case "keep-mine":
      if (!state.conflict) return still(state);
      return write({ ...state, etag: state.conflict.etag, conflict: null });
    case "take-theirs":
      if (!state.conflict) return still(state);
      return { state: { ...state, conflict: null }, effect: "reload" };
  }
}
