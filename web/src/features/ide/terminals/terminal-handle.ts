/**
 * One terminal on this page: the xterm instance, its connection, and the element that moves between panes.
 *
 * Invariants: the emulator lives as long as the tab, however often its pane is hidden; bytes never pass through React.
 */
import { ClipboardAddon, type ClipboardSelectionType } from "@xterm/addon-clipboard";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { type ITheme, Terminal as Xterm } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { browserEnvironment } from "../../../terminal-core/environment";
import { TerminalConnection, type TerminalState } from "../../../terminal-core/terminal-connection";
import type { IdeSettings } from "../settings/settings";
import { linkTarget } from "./terminal-links";
import type { TerminalsApi } from "./terminals-api";

const FONT = "'JetBrains Mono Variable', ui-monospace, 'SF Mono', Menlo, Consolas, monospace";
const SCROLLBACK_LINES = 5000;

export interface HandleOptions {
  id: string;
  api: TerminalsApi;
  /** Names this page to the agent. Two pages never share one, or each would cut the other off. */
  clientId: string;
  settings: IdeSettings;
  theme: ITheme;
  onState: (state: TerminalState) => void;
  onRefused: () => void;
  onSearch: () => void;
}

/** Programs in a workspace may put text on the clipboard; none may read it. */
const writeOnlyClipboard = {
  readText: (_selection: ClipboardSelectionType) => "",
  writeText: (_selection: ClipboardSelectionType, text: string) => navigator.clipboard.writeText(text),
};

export class TerminalHandle {
  readonly xterm: Xterm;
  readonly search = new SearchAddon();
  readonly connection: TerminalConnection;
  readonly #element = document.createElement("div");
  readonly #fit = new FitAddon();
  #opened = false;
  #disposed = false;

  constructor(private readonly options: HandleOptions) {
    const { settings, theme, api, id, clientId } = options;
    this.xterm = new Xterm({
      allowProposedApi: true,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: FONT,
      fontSize: settings.terminalFontSize,
      lineHeight: 1.2,
      macOptionIsMeta: true,
      rescaleOverlappingGlyphs: true,
      screenReaderMode: settings.screenReader,
      scrollback: SCROLLBACK_LINES,
      theme,
    });
    this.#element.style.cssText = "width:100%;height:100%";
    this.connection = new TerminalConnection({
      env: browserEnvironment,
      emulator: {
        write: (bytes, done) => this.xterm.write(bytes, done),
        reset: () => this.xterm.reset(),
        resize: (cols, rows) => this.#resized(cols, rows),
      },
      address: (since, attempt) =>
        api.client.socket(
          `/v1/terminals/${id}/attach`,
          { client: clientId, since: since === null ? undefined : String(since) },
          attempt > 1,
        ),
      exists: () => api.exists(id),
      onState: options.onState,
      // The list of terminals on the events stream tells the same to every part of the page.
      onTitle: () => undefined,
      onTerminal: () => undefined,
    });
    this.#loadAddons();
    this.xterm.onData((data) => this.#input(data));
    this.xterm.onBinary((data) => this.#input(Uint8Array.from(data, (unit) => unit.charCodeAt(0) & 255)));
    this.xterm.onSelectionChange(() => {
      if (this.#copyOnSelect && this.xterm.hasSelection()) void this.copy();
    });
    this.xterm.attachCustomKeyEventHandler((event) => this.#key(event));
  }

  #copyOnSelect = false;

  /** Shows the terminal in `container`; returns how to take it out again. */
  mount(container: HTMLElement): () => void {
    container.append(this.#element);
    // For tests and extensions that read the buffer; it shows nothing that the page does not.
    Object.defineProperty(container, "__xterm", { value: this.xterm, configurable: true, enumerable: false });
    const observer = new ResizeObserver(() => this.fit());
    void this.#open().then(() => {
      if (container.isConnected) observer.observe(container);
    });
    return () => {
      observer.disconnect();
      if (this.#element.parentElement === container) this.#element.remove();
    };
  }

  /** Takes the size of the pane, here and in the workspace. */
  fit(): void {
    if (!this.#opened || this.#disposed || !this.#element.isConnected) return;
    const size = this.#fit.proposeDimensions();
    if (!size || !Number.isFinite(size.cols) || !Number.isFinite(size.rows) || size.cols < 2) return;
    if (size.cols === this.xterm.cols && size.rows === this.xterm.rows && this.#told) return;
    this.#told = true;
    this.#resized(size.cols, size.rows);
    this.connection.resize(size.cols, size.rows);
  }

  #told = false;

  /** Takes the keyboard, now or as soon as it is shown. */
  focus(): void {
    if (this.#opened) this.xterm.focus();
    else this.#focusOnOpen = true;
  }

  #focusOnOpen = false;

  configure(settings: IdeSettings, theme: ITheme): void {
    this.#copyOnSelect = settings.copyOnSelect;
    this.xterm.options.theme = theme;
    this.xterm.options.screenReaderMode = settings.screenReader;
    if (this.xterm.options.fontSize !== settings.terminalFontSize) {
      this.xterm.options.fontSize = settings.terminalFontSize;
      this.fit();
    }
  }

  async copy(): Promise<void> {
    await navigator.clipboard.writeText(this.xterm.getSelection()).catch(() => undefined);
  }

  async paste(): Promise<void> {
    const text = await navigator.clipboard.readText().catch(() => "");
    if (text) this.xterm.paste(text);
  }

  dispose(): void {
    this.#disposed = true;
    this.connection.dispose();
    this.#element.remove();
    this.xterm.dispose();
  }

  #loadAddons(): void {
    this.xterm.loadAddon(this.#fit);
    this.xterm.loadAddon(this.search);
    this.xterm.loadAddon(new Unicode11Addon());
    this.xterm.unicode.activeVersion = "11";
    this.xterm.loadAddon(new ClipboardAddon(undefined, writeOnlyClipboard));
    this.xterm.loadAddon(
      new WebLinksAddon((_event, text) => {
        const target = linkTarget(text, (port) => this.options.api.client.portUrl(port));
        if (target) window.open(target, "_blank", "noopener");
      }),
    );
  }

  async #open(): Promise<void> {
    if (this.#opened) return this.fit();
    // Cells are measured once: with the fallback font they would stay wrong.
    await document.fonts?.load(`${this.options.settings.terminalFontSize}px ${FONT}`).catch(() => undefined);
    if (this.#disposed || this.#opened) return;
    this.#opened = true;
    this.xterm.open(this.#element);
    this.#useWebgl();
    this.fit();
    this.connection.start();
    if (this.#focusOnOpen && !isTypingElsewhere()) this.xterm.focus();
  }

  /** Draws on the graphics card; where that fails or is taken away, xterm goes on with DOM elements. */
  #useWebgl(): void {
    try {
      const webgl = new WebglAddon();
      webgl.onContextLoss(() => webgl.dispose());
      this.xterm.loadAddon(webgl);
    } catch {
      // No WebGL2 here.
    }
  }

  #resized(cols: number, rows: number): void {
    if (cols !== this.xterm.cols || rows !== this.xterm.rows) this.xterm.resize(cols, rows);
  }

  #input(data: string | Uint8Array): void {
    if (!this.connection.send(data)) this.options.onRefused();
  }

  /** False: not for the program in the terminal. */
  #key(event: KeyboardEvent): boolean {
    if (event.type !== "keydown") return true;
    const key = event.key.toLowerCase();
    const command = event.ctrlKey && !event.altKey && !event.metaKey;
    if (command && key === "c" && (event.shiftKey || this.xterm.hasSelection())) {
      event.preventDefault();
      void this.copy().then(() => this.xterm.clearSelection());
      return false;
    }
    // The browser's own paste follows; xterm takes it from there, brackets included.
    if (command && event.shiftKey && key === "v") return false;
    if (command && !event.shiftKey && key === "f") {
      event.preventDefault();
      this.options.onSearch();
      return false;
    }
    return true;
  }
}

/** Whoever began to type in the meantime keeps the keyboard. */
function isTypingElsewhere(): boolean {
  return document.activeElement?.matches("input") ?? false;
}
