/** The editor's colours, made from the product's surfaces; both themes keep text at AA contrast. */
import type * as Monaco from "monaco-editor/editor/editor.api";

export const LIGHT_THEME = "coditect-light";
export const DARK_THEME = "coditect-dark";

export function defineThemes(monaco: typeof Monaco): void {
  monaco.editor.defineTheme(LIGHT_THEME, {
    base: "vs",
    inherit: true,
    rules: [
      { token: "comment", foreground: "4f5a65", fontStyle: "italic" },
      { token: "keyword", foreground: "8430ce" },
      { token: "string", foreground: "11703f" },
      { token: "number", foreground: "9a4a00" },
      { token: "type", foreground: "126b65" },
      { token: "tag", foreground: "b42318" },
      { token: "attribute.name", foreground: "8a5200" },
      { token: "variable", foreground: "1d4f91" },
      { token: "delimiter", foreground: "414c57" },
    ],
    colors: {
      "editor.background": "#ffffff",
      "editor.foreground": "#1a2027",
      "editorLineNumber.foreground": "#66727f",
      "editorLineNumber.activeForeground": "#2d363f",
      "editor.lineHighlightBackground": "#f2f5f6",
      "editor.lineHighlightBorder": "#00000000",
      "editor.selectionBackground": "#bfe8e0",
      "editor.inactiveSelectionBackground": "#dff3ef",
      "editorCursor.foreground": "#126b65",
      "editorIndentGuide.background1": "#e1e6eb",
      "editorIndentGuide.activeBackground1": "#b3bec8",
      "editorWidget.background": "#ffffff",
      "editorWidget.border": "#d0d8df",
      "editorStickyScroll.background": "#ffffff",
      "scrollbar.shadow": "#00000000",
      "focusBorder": "#16857c",
      "diffEditor.insertedTextBackground": "#11703f26",
      "diffEditor.removedTextBackground": "#b4231826",
      "diffEditor.insertedLineBackground": "#11703f14",
      "diffEditor.removedLineBackground": "#b4231814",
    },
  });
  monaco.editor.defineTheme(DARK_THEME, {
    base: "vs-dark",
    inherit: true,
    rules: [
      { token: "comment", foreground: "94a0ad", fontStyle: "italic" },
      { token: "keyword", foreground: "c9a6ff" },
      { token: "string", foreground: "8fd6a8" },
      { token: "number", foreground: "f2b25c" },
      { token: "type", foreground: "72dbcb" },
      { token: "tag", foreground: "ff9b90" },
      { token: "attribute.name", foreground: "f2c98a" },
      { token: "variable", foreground: "9cc4ff" },
      { token: "delimiter", foreground: "b9c1ca" },
    ],
    colors: {
      "editor.background": "#11151a",
      "editor.foreground": "#d9dee4",
      "editorLineNumber.foreground": "#7f8b98",
      "editorLineNumber.activeForeground": "#b9c1ca",
      "editor.lineHighlightBackground": "#181d23",
      "editor.lineHighlightBorder": "#00000000",
      "editor.selectionBackground": "#1d4f4b",
      "editor.inactiveSelectionBackground": "#1a3533",
      "editorCursor.foreground": "#43c3b3",
      "editorIndentGuide.background1": "#232a31",
      "editorIndentGuide.activeBackground1": "#3a444e",
      "editorWidget.background": "#171c22",
      "editorWidget.border": "#2a323a",
      "editorStickyScroll.background": "#11151a",
      "scrollbar.shadow": "#00000000",
      "focusBorder": "#43c3b3",
      "diffEditor.insertedTextBackground": "#6fd69b1a",
      "diffEditor.removedTextBackground": "#ff9b901a",
      "diffEditor.insertedLineBackground": "#6fd69b0d",
      "diffEditor.removedLineBackground": "#ff9b900d",
    },
  });
}
