import { type ReactElement, useEffect, useRef } from "react";
import { useStore } from "zustand";
import type { Group } from "../layout/layout";
import { relative } from "../paths";
import { type IdeSettings, settingsStore } from "../settings/settings";
import { useIde } from "../shell/ide-context";
import classes from "./editor.module.css";
import { EDITOR_FONT } from "./editor-font";
import { monaco } from "./monaco";
import { DARK_THEME, LIGHT_THEME } from "./monaco-themes";

const VIEW_SAVE_MS = 400;

export interface CodeEditorProps {
  group: Group;
  path: string;
  dark: boolean;
  current: boolean;
}

function optionsOf(settings: IdeSettings): monaco.editor.IEditorOptions & monaco.editor.IGlobalEditorOptions {
  return {
    fontSize: settings.editorFontSize,
    wordWrap: settings.wordWrap ? "on" : "off",
    minimap: { enabled: settings.minimap, renderCharacters: false },
    renderWhitespace: settings.whitespace ? "all" : "selection",
    accessibilitySupport: settings.screenReader ? "on" : "auto",
    tabSize: settings.tabSize,
  };
}

/** One Monaco editor for a group; the files take turns in it, each with its own cursor and scroll position. */
export default function CodeEditor({ group, path, dark, current }: CodeEditorProps): ReactElement {
  const ide = useIde();
  const { documents, layout } = ide;
  const container = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor | null>(null);
  const shownPath = useRef<string | null>(null);
  const settings = useStore(settingsStore);
  const readOnly = useStore(documents.store, (views) => (views[path]?.readOnly ?? false) || (views[path]?.peek ?? false));
  const jump = useStore(ide.jump, (state) => state.jump);
  const model = documents.model(path);
  const groupId = group.id;

  useEffect(() => {
    const element = container.current;
    if (!element) return undefined;
    const created = monaco.editor.create(element, {
      model: null,
      automaticLayout: true,
      fontFamily: EDITOR_FONT,
      fontLigatures: false,
      fixedOverflowWidgets: true,
      scrollBeyondLastLine: false,
      renderFinalNewline: "on",
      smoothScrolling: false,
      padding: { top: 6 },
      stickyScroll: { enabled: true, maxLineCount: 3 },
      bracketPairColorization: { enabled: true },
      guides: { bracketPairs: "active", indentation: true },
      wordBasedSuggestions: "matchingDocuments",
      quickSuggestions: { other: true, comments: false, strings: false },
      unicodeHighlight: { ambiguousCharacters: true, invisibleCharacters: true },
      ...optionsOf(settingsStore.getState()),
    });
    editor.current = created;
    // For tests and extensions; it shows nothing that the page does not.
    Object.defineProperty(element, "__monaco", { value: created, configurable: true, enumerable: false });
    void document.fonts?.load(`13px ${EDITOR_FONT}`).then(() => monaco.editor.remeasureFonts());
    return () => {
      editor.current = null;
      created.dispose();
    };
  }, []);

  useEffect(() => {
    const view = editor.current;
    if (!view || !model) return undefined;
    view.setModel(model);
    shownPath.current = path;
    const tab = layout.layout.groups.find(({ id }) => id === groupId)?.tabs.find((item) => item.path === path);
    if (tab?.view) {
      view.setPosition({ lineNumber: tab.view.line, column: tab.view.column });
      view.setScrollTop(tab.view.top);
    }
    let timer: ReturnType<typeof setTimeout> | null = null;
    const remember = () => {
      timer = null;
      const at = view.getPosition();
      if (view.getModel() !== model || !at) return;
      const state = { line: at.lineNumber, column: at.column, top: Math.round(view.getScrollTop()) };
      layout.dispatch({ type: "view", path, group: groupId, view: state });
    };
    const soon = () => {
      timer ??= setTimeout(remember, VIEW_SAVE_MS);
    };
    const tell = () => {
      const at = view.getPosition();
      const selection = view.getSelection();
      if (!at) return;
      const selected = selection ? model.getValueLengthInRange(selection) : 0;
      ide.ui.setState({ cursor: { line: at.lineNumber, column: at.column, selected } });
    };
    tell();
    const subscriptions = [
      view.onDidChangeCursorPosition(soon),
      view.onDidScrollChange(soon),
      view.onDidChangeCursorSelection(tell),
      view.onDidFocusEditorText(tell),
      view.onDidBlurEditorWidget(() => settingsStore.getState().autosave && documents.save(path)),
      model.onDidChangeContent(({ isFlush }) => !isFlush && layout.dispatch({ type: "pin", path })),
    ];
    return () => {
      subscriptions.forEach((subscription) => subscription.dispose());
      if (timer !== null) clearTimeout(timer);
      if (timer !== null && !model.isDisposed()) remember();
    };
  }, [model, path, groupId, ide, documents, layout]);

  useEffect(() => {
    editor.current?.updateOptions({ ...optionsOf(settings), readOnly, ariaLabel: `Editor, ${relative(path)}` });
    model?.updateOptions({ tabSize: settings.tabSize });
  }, [settings, readOnly, path, model]);

  useEffect(() => monaco.editor.setTheme(dark ? DARK_THEME : LIGHT_THEME), [dark]);

  useEffect(() => {
    const view = editor.current;
    if (!view || !model || !current || jump?.path !== path) return;
    const line = Math.min(jump.line, model.getLineCount());
    const range = new monaco.Range(line, jump.column, line, jump.endColumn ?? jump.column);
    view.setSelection(range);
    view.revealRangeInCenterIfOutsideViewport(range);
    view.focus();
    ide.jump.setState({ jump: null });
  }, [jump, path, model, current, ide]);

  return <div ref={container} className={classes.monaco} data-testid="editor" data-path={path} />;
}
