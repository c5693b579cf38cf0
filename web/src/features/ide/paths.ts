/**
 * Paths as the agent's API writes them: absolute, with `%` and bytes that are not UTF-8 percent-encoded.
 * Not here: anything that asks the workspace whether a path exists.
 */

export const ROOT = "/workspace";
export const NAME_MAX_BYTES = 255;

export function join(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

/** The directory a path lies in; `/` for `/`. */
export function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut <= 0 ? "/" : path.slice(0, cut);
}

/** The last part of a path, still encoded. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A name that a person typed, as part of a path. */
export function encodeName(name: string): string {
  return name.replaceAll("%", "%25");
}

/** Anything encoded, for showing; bytes that are no text become the replacement character. */
export function shown(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (let index = 0; index < encoded.length; ) {
    const hex = encoded.slice(index + 1, index + 3);
    if (encoded[index] === "%" && /^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      index += 3;
    } else {
      const character = String.fromCodePoint(encoded.codePointAt(index) ?? 0xfffd);
      bytes.push(...encoder.encode(character));
      index += character.length;
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** Whether `path` is `directory` or lies below it. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || directory === "/" || path.startsWith(`${directory}/`);
}

/** Where `path` is after `from` was moved to `to`. */
export function moved(path: string, from: string, to: string): string {
  return isInside(path, from) ? to + path.slice(from.length) : path;
}

/** A path for showing, relative to the workspace where it lies in it. */
export function relative(path: string, root = ROOT): string {
  if (path === root) return shown(nameOf(root));
  return shown(isInside(path, root) ? path.slice(root.length + 1) : path);
}

/** The part behind the last dot, in lower case; empty when there is none. */
export function extensionOf(name: string): string {
  const cut = name.lastIndexOf(".");
  return cut <= 0 ? "" : name.slice(cut + 1).toLowerCase();
}

/** Why a typed name cannot be used; null when it can. Slashes are allowed where directories may be made on the way. */
export function nameProblem(name: string, slashes: boolean): string | null {
  if (name.trim() === "") return "Enter a name.";
  if (name.includes("\0")) return "A name cannot contain a NUL character.";
  if (!slashes && name.includes("/")) return "A name cannot contain a slash.";
  const parts = name.split("/");
  if (parts.some((part) => part === "." || part === "..")) return "“.” and “..” are not names.";
  if (parts.slice(0, -1).some((part) => part === "") || parts.at(-1) === "") return "A part of the path is empty.";
  if (parts.some((part) => new TextEncoder().encode(part).length > NAME_MAX_BYTES)) return "The name is too long.";
  return null;
}

/** The first of `name`, `name copy`, `name copy 2` … that is not taken. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  const cut = name.lastIndexOf(".");
  const [stem, end] = cut > 0 ? [name.slice(0, cut), name.slice(cut)] : [name, ""];
  for (let count = 1; ; count += 1) {
    const candidate = `${stem} copy${count === 1 ? "" : ` ${count}`}${end}`;
    if (!taken.has(candidate)) return candidate;
  }
}
