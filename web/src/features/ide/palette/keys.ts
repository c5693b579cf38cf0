/** Key combinations: written once, matched and shown per platform. Pure, but for asking which platform this is. */

export const IS_MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

export interface Pressed {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

/** Written as `Mod+Shift+P`; Mod is Command on a Mac, and Ctrl elsewhere. `Ctrl` is Ctrl everywhere. */
export function matches(keys: string, event: Pressed, mac = IS_MAC): boolean {
  const parts = keys.split("+");
  const key = parts.at(-1) ?? "";
  const mod = parts.includes("Mod");
  const ctrl = parts.includes("Ctrl") || (mod && !mac);
  const meta = mod && mac;
  if (event.ctrlKey !== ctrl || event.metaKey !== meta) return false;
  if (event.altKey !== parts.includes("Alt") || event.shiftKey !== parts.includes("Shift")) return false;
  // Keys whose character changes with Shift or Alt are named by their place.
  const codes: Record<string, string> = { "`": "Backquote", ",": "Comma", ".": "Period", "/": "Slash", "\\": "Backslash" };
  const code = codes[key] ?? (/^[A-Z]$/.test(key) && event.altKey ? `Key${key}` : null);
  if (code !== null && event.code === code) return true;
  return event.key.toLowerCase() === key.toLowerCase();
}

const MAC_SIGNS: Record<string, string> = { Mod: "⌘", Ctrl: "⌃", Shift: "⇧", Alt: "⌥" };

export function keysShown(keys: string, mac = IS_MAC): string {
  const parts = keys.split("+");
  if (mac) return parts.map((part) => MAC_SIGNS[part] ?? part).join("");
  return parts.map((part) => (part === "Mod" ? "Ctrl" : part)).join("+");
}
