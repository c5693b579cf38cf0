/** What opening a path finds: text to edit, or why not. */
import type { FileEntry } from "../../../api/types";
import type { FilesApi } from "../files/files-api";
import { extensionOf, nameOf } from "../paths";
import { decodeLossy, decodeText, PEEK_BYTES, TEXT_MAX_BYTES } from "./text-file";

export type Found =
  | { kind: "text"; text: string; bom: boolean; etag: string | null; readOnly: boolean; size: number }
  | { kind: "peek"; text: string; size: number }
  | { kind: "image"; url: string; etag: string | null; size: number }
  | { kind: "binary"; etag: string | null; size: number }
  | { kind: "huge"; etag: string | null; size: number }
  | { kind: "unreadable"; message: string };

const IMAGE_TYPES: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
  ico: "image/x-icon",
};

function isRegular(entry: FileEntry): boolean {
  return entry.kind === "file" || (entry.kind === "symlink" && entry.target_kind === "file");
}

/** Reads a file for the editor. Throws `ApiError` where the agent refuses. */
export async function readDisk(files: FilesApi, path: string): Promise<Found> {
  const entry = await files.stat(path);
  if (!isRegular(entry)) {
    const what = entry.kind === "directory" || entry.target_kind === "directory" ? "a folder" : "not a regular file";
    return { kind: "unreadable", message: `This is ${what}, so there is no text to show.` };
  }
  const { size } = entry;
  const etag = entry.etag ?? null;
  if (entry.kind === "file" && size > TEXT_MAX_BYTES) return { kind: "huge", etag, size };
  const content = await files.read(path);
  const version = content.etag ?? etag;
  const image = IMAGE_TYPES[extensionOf(nameOf(path))];
  if (image) {
    return { kind: "image", url: URL.createObjectURL(new Blob([content.bytes], { type: image })), etag: version, size };
  }
  const file = decodeText(content.bytes);
  if (!file) return { kind: "binary", etag: version, size };
  return { kind: "text", ...file, etag: version, readOnly: !entry.writable, size };
}

/** The beginning of any file, as far as it can be shown. */
export async function peekDisk(files: FilesApi, path: string): Promise<Found> {
  const [entry, content] = await Promise.all([files.stat(path), files.read(path, PEEK_BYTES)]);
  return { kind: "peek", text: decodeLossy(content.bytes), size: entry.size };
}
