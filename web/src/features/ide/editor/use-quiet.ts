import type * as Monaco from "monaco-editor/editor/editor.api";
import { useEffect, useState } from "react";

const QUIET_MS = 1000;

/** Whether nobody typed into the text for a moment: a dialog that opens under typing hands would be answered by them. */
export function useQuiet(model: Monaco.editor.ITextModel | null): boolean {
  const [quiet, setQuiet] = useState(false);
  useEffect(() => {
    setQuiet(false);
    if (!model || model.isDisposed()) return undefined;
    let timer = setTimeout(() => setQuiet(true), QUIET_MS);
    const subscription = model.onDidChangeContent(() => {
      clearTimeout(timer);
      timer = setTimeout(() => setQuiet(true), QUIET_MS);
    });
    return () => {
      clearTimeout(timer);
      subscription.dispose();
    };
  }, [model]);
  return quiet;
}
