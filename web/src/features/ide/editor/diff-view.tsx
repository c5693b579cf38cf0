import { type ReactElement, useEffect, useRef } from "react";
import { settingsStore } from "../settings/settings";
import { EDITOR_FONT } from "./editor-font";
import { monaco } from "./monaco";
import { DARK_THEME, LIGHT_THEME } from "./monaco-themes";

const ORIGINAL_KEPT_MS = 10_000;

export interface DiffViewProps {
  theirs: string;
  mine: monaco.editor.ITextModel;
  dark: boolean;
}

/** Two texts side by side, with what differs between them; the right one can be edited. */
export default function DiffView({ theirs, mine, dark }: DiffViewProps): ReactElement {
  const container = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = container.current;
    if (!element) return undefined;
    const original = monaco.editor.createModel(theirs, mine.getLanguageId());
    const editor = monaco.editor.createDiffEditor(element, {
      automaticLayout: true,
      fontFamily: EDITOR_FONT,
      fontSize: settingsStore.getState().editorFontSize,
      lineNumbersMinChars: 3,
      renderOverviewRuler: false,
      originalEditable: false,
      renderSideBySide: true,
      useInlineViewWhenSpaceIsLimited: false,
      scrollBeyondLastLine: false,
      renderFinalNewline: "on",
      minimap: { enabled: false },
    });
    // Told to each side again and again, because the pair forgets its labels whenever it is laid out anew.
    const label = () => {
      editor.getOriginalEditor().updateOptions({ ariaLabel: "The file on disk" });
      editor.getModifiedEditor().updateOptions({ ariaLabel: "What you typed" });
    };
    label();
    editor.getModifiedEditor().onDidLayoutChange(label);
    editor.onDidUpdateDiff(label);
    editor.setModel({ original, modified: mine });
    return () => {
      editor.dispose();
      // A comparison that runs now fails loudly when its text is taken away.
      setTimeout(() => original.dispose(), ORIGINAL_KEPT_MS);
    };
  }, [theirs, mine]);
  useEffect(() => monaco.editor.setTheme(dark ? DARK_THEME : LIGHT_THEME), [dark]);
  return <div ref={container} style={{ width: "100%", height: "100%" }} />;
}
