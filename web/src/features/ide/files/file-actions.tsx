/** What a user does with files, from the tree, its menu, the palette or the keyboard. */
import { Button, Group, Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import { notifications } from "@mantine/notifications";
import { ApiError } from "../../../api/errors";
import { encodeName, freeName, isInside, join, nameOf, parentOf, shown } from "../paths";
import type { Ide } from "../session/ide";
import { filesOfDrop } from "./drop-files";
import { outermost } from "./tree-model";
import type { UploadSource } from "./uploads";

const UNDO_MS = 10_000;

function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.kind === "conflict";
}

export class FileActions {
  constructor(private readonly ide: Ide) {}

  /** Where something new goes: into the focused folder, or beside the focused file. */
  targetDirectory(): string {
    const { tree } = this.ide;
    const { focused } = tree.store.getState();
    if (focused === null) return tree.root;
    return tree.directories.has(focused) || tree.entry(focused)?.kind === "directory" ? focused : parentOf(focused);
  }

  startCreating(folder: boolean, directory = this.targetDirectory()): void {
    this.ide.layout.dispatch({ type: "sidebar-show", view: "files" });
    if (directory !== this.ide.tree.root) this.ide.layout.dispatch({ type: "expand", path: directory, on: true });
    this.ide.tree.edit({ creating: { directory, folder }, renaming: null });
  }

  async create(directory: string, typed: string, folder: boolean): Promise<void> {
    const { ide } = this;
    ide.tree.edit({ creating: null });
    const path = join(directory, encodeName(typed));
    try {
      await (folder ? ide.files.mkdir(path) : ide.files.create(path));
    } catch (error) {
      return ide.report(folder ? "The folder was not made" : "The file was not made", error);
    }
    for (let at = parentOf(path); at !== directory && isInside(at, directory); at = parentOf(at)) {
      ide.layout.dispatch({ type: "expand", path: at, on: true });
    }
    await ide.tree.reread(directory);
    ide.tree.select([path], path);
    if (!folder) ide.openFile(path, { pinned: true });
  }

  async rename(path: string, typed: string): Promise<void> {
    this.ide.tree.edit({ renaming: null });
    const to = join(parentOf(path), encodeName(typed));
    if (to !== path) await this.#move(path, to, false);
  }

  /** Moves entries into a folder. */
  async moveInto(paths: readonly string[], directory: string): Promise<void> {
    this.#expand(directory);
    for (const path of outermost(paths)) {
      const to = join(directory, nameOf(path));
      if (to === path || parentOf(path) === directory || isInside(directory, path)) continue;
      await this.#move(path, to, false);
    }
  }

  async duplicate(path: string): Promise<void> {
    const directory = parentOf(path);
    const taken = new Set(this.ide.tree.directories.get(directory)?.entries.map((entry) => nameOf(entry.path)));
    const to = join(directory, freeName(nameOf(path), taken));
    try {
      await this.ide.files.copy(path, to);
      await this.ide.tree.reread(directory);
      this.ide.tree.select([to], to);
    } catch (error) {
      this.ide.report("The copy was not made", error);
    }
  }

  /** To the trash, with a way back. */
  async delete(paths: readonly string[]): Promise<void> {
    const { ide } = this;
    const trashed: { path: string; id: string }[] = [];
    for (const path of outermost(paths)) {
      if (path === ide.tree.root) continue;
      try {
        const { trash_id: id } = await ide.files.delete(path);
        if (id !== undefined) trashed.push({ path, id });
        this.#closeBelow(path);
      } catch (error) {
        ide.report(`${shown(nameOf(path))} was not deleted`, error);
      }
      await ide.tree.reread(parentOf(path));
    }
    if (trashed.length > 0) this.#offerUndo(trashed);
  }

  async download(path: string, directory: boolean): Promise<void> {
    try {
      const url = await this.ide.files.downloadUrl(path, directory);
      // In this tab: the answer is an attachment, which leaves the page where it is. A tab of its own would come to the
      // front, and the page behind it would stand still.
      const link = Object.assign(document.createElement("a"), { href: url, rel: "noopener" });
      link.click();
    } catch (error) {
      this.ide.report("The download did not start", error);
    }
  }

  async copyPath(path: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(shown(path));
      notifications.show({ message: "Path copied", autoClose: 1500 });
    } catch (error) {
      this.ide.report("The path was not copied", error);
    }
  }

  upload(directory: string, files: Iterable<File>): void {
    const sources: UploadSource[] = [...files].map((file) => ({ relative: file.webkitRelativePath || file.name, file }));
    this.#expand(directory);
    this.ide.uploads.add(directory, sources);
  }

  async uploadDrop(directory: string, items: DataTransfer): Promise<void> {
    try {
      const sources = await filesOfDrop(items);
      this.#expand(directory);
      this.ide.uploads.add(directory, sources);
    } catch (error) {
      this.ide.report("The dropped files could not be read", error);
    }
  }

  /** Asks the browser for files, or for a folder. */
  chooseUpload(directory: string, folder: boolean): void {
    const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, webkitdirectory: folder });
    input.onchange = () => {
      if (input.files) this.upload(directory, input.files);
    };
    input.click();
  }

  /** Shows a path in the tree. */
  async reveal(path: string): Promise<void> {
    const { layout, tree } = this.ide;
    if (!isInside(path, tree.root)) return;
    layout.dispatch({ type: "sidebar-show", view: "files" });
    const above: string[] = [];
    for (let at = parentOf(path); at !== tree.root; at = parentOf(at)) above.unshift(at);
    for (const directory of above) {
      await tree.ensure(directory);
      layout.dispatch({ type: "expand", path: directory, on: true });
    }
    tree.select([path], path);
  }

  /** Something arrives there: let it be seen. */
  #expand(directory: string): void {
    if (directory !== this.ide.tree.root) this.ide.layout.dispatch({ type: "expand", path: directory, on: true });
  }

  async #move(from: string, to: string, overwrite: boolean): Promise<void> {
    const { ide } = this;
    try {
      await ide.files.move(from, to, overwrite);
    } catch (error) {
      if (isConflict(error) && !overwrite) return this.#askToReplace(from, to);
      return ide.report("It was not moved", error);
    }
    ide.moved(from, to);
    await Promise.all([ide.tree.reread(parentOf(from)), ide.tree.reread(parentOf(to))]);
    ide.tree.select([to], to);
  }

  #askToReplace(from: string, to: string): void {
    modals.openConfirmModal({
      title: "Replace it?",
      children: `“${shown(nameOf(to))}” exists there already. Replacing it cannot be undone.`,
      labels: { confirm: "Replace", cancel: "Keep both" },
      confirmProps: { color: "red" },
      onConfirm: () => void this.#move(from, to, true),
    });
  }

  /** What was deleted through this page does not stay open, unless something unsaved would be lost. */
  #closeBelow(path: string): void {
    const { documents, layout } = this.ide;
    const below = documents.paths.filter((open) => isInside(open, path));
    const unsaved = below.some((open) => documents.view(open)?.state.dirty);
    if (!unsaved) layout.dispatch({ type: "removed", path });
  }

  #offerUndo(trashed: readonly { path: string; id: string }[]): void {
    const id = `trash:${trashed[0]?.id ?? ""}`;
    const what = trashed.length === 1 ? `“${shown(nameOf(trashed[0]?.path ?? ""))}”` : `${trashed.length} items`;
    const undo = async () => {
      notifications.hide(id);
      for (const item of trashed) {
        try {
          await this.ide.files.restore(item.id);
        } catch (error) {
          this.ide.report(`${shown(nameOf(item.path))} was not restored`, error);
        }
        await this.ide.tree.reread(parentOf(item.path));
      }
    };
    notifications.show({
      id,
      autoClose: UNDO_MS,
      message: (
        <Group justify="space-between" wrap="nowrap" gap="sm">
          <Text size="sm" truncate>
            {what} moved to the trash
          </Text>
          <Button size="compact-xs" variant="light" data-testid="undo-delete" onClick={() => void undo()}>
            Undo
          </Button>
        </Group>
      ),
    });
  }
}
