/** Files and folders that were dropped from the outside, with their paths. */
import { UPLOAD_MAX_FILES, type UploadSource } from "./uploads";

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** The browser hands out a directory a piece at a time, until an empty piece. */
async function childrenOf(entry: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = entry.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const piece = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (piece.length === 0 || children.length > UPLOAD_MAX_FILES) return children;
    children.push(...piece);
  }
}

async function collect(entry: FileSystemEntry, prefix: string, found: UploadSource[]): Promise<void> {
  if (found.length >= UPLOAD_MAX_FILES) return;
  const relative = prefix + entry.name;
  if (entry.isFile) found.push({ relative, file: await fileOf(entry as FileSystemFileEntry) });
  else if (entry.isDirectory) {
    for (const child of await childrenOf(entry as FileSystemDirectoryEntry)) await collect(child, `${relative}/`, found);
  }
}

export async function filesOfDrop(transfer: DataTransfer): Promise<UploadSource[]> {
  // The list is emptied when the event is over, so everything is taken out of it at once.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const loose = entries.length === 0 ? [...transfer.files] : [];
  const found: UploadSource[] = loose.map((file) => ({ relative: file.name, file }));
  for (const entry of entries) await collect(entry, "", found);
  return found;
}
