/** What a user sets for the IDE page on this device. Nothing secret lies in this storage. */
import { createStore } from "zustand/vanilla";

export interface IdeSettings {
  editorFontSize: number;
  terminalFontSize: number;
  autosave: boolean;
  wordWrap: boolean;
  minimap: boolean;
  whitespace: boolean;
  tabSize: number;
  hiddenFiles: boolean;
  screenReader: boolean;
  copyOnSelect: boolean;
}

export const DEFAULT_SETTINGS: IdeSettings = {
  editorFontSize: 13,
  terminalFontSize: 13,
  autosave: true,
  wordWrap: false,
  minimap: true,
  whitespace: false,
  tabSize: 4,
  hiddenFiles: true,
  screenReader: false,
  copyOnSelect: false,
};

export const FONT_SIZES = { min: 9, max: 32 } as const;
const KEY = "coditect.ide-settings";

export function parseSettings(text: string | null): IdeSettings {
  let stored: unknown = null;
  try {
    stored = JSON.parse(text ?? "null");
  } catch {
    // Whatever lies there is not ours; the defaults stand.
  }
  if (typeof stored !== "object" || stored === null) return DEFAULT_SETTINGS;
  const values = stored as Record<string, unknown>;
  const known = Object.entries(DEFAULT_SETTINGS).map(([key, fallback]) => {
    const value = values[key];
    const bounds = key === "tabSize" ? { min: 1, max: 16 } : FONT_SIZES;
    if (typeof fallback === "boolean") return [key, typeof value === "boolean" ? value : fallback];
    const good = typeof value === "number" && value >= bounds.min && value <= bounds.max;
    return [key, good ? Math.round(value) : fallback];
  });
  return Object.fromEntries(known) as IdeSettings;
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const settingsStore = createStore<IdeSettings>(() => parseSettings(read()));

export function changeSettings(change: Partial<IdeSettings>): void {
  const next = parseSettings(JSON.stringify({ ...settingsStore.getState(), ...change }));
  settingsStore.setState(next, true);
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // Storage may be forbidden; the setting then lasts as long as the page.
  }
}
