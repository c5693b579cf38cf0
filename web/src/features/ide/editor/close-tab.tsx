/** Closing a tab whose text is not saved: saved first where that can be done, asked about where it cannot. */
import { Button, Group, Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import { nameOf, shown } from "../paths";
import type { Ide } from "../session/ide";
import { settingsStore } from "../settings/settings";

export function closeTab(ide: Ide, group: string, path: string): void {
  const { layout, documents } = ide;
  const close = () => layout.dispatch({ type: "close", path, group });
  const state = documents.view(path)?.state;
  const elsewhere = layout.layout.groups.some((other) => other.id !== group && other.tabs.some((tab) => tab.path === path));
  if (!state?.dirty || elsewhere) return close();
  const stuck = state.conflict !== null || state.deleted || state.error !== null;
  if (settingsStore.getState().autosave && !stuck) return saveThenClose(ide, path, close);
  const id = `close:${path}`;
  const answer = (run: () => void) => () => {
    modals.close(id);
    run();
  };
  modals.open({
    modalId: id,
    title: `Save “${shown(nameOf(path))}” before closing?`,
    children: (
      <>
        <Text size="sm" c="dimmed" mb="md">
          {stuck ? "It could not be saved so far. What you typed is lost if you close without saving." : "What you typed is lost otherwise."}
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={() => modals.close(id)}>
            Cancel
          </Button>
          <Button
            variant="light"
            color="red"
            onClick={answer(() => {
              documents.close(path, true);
              close();
            })}
          >
            Close without saving
          </Button>
          <Button data-autofocus onClick={answer(() => saveThenClose(ide, path, close))}>
            Save
          </Button>
        </Group>
      </>
    ),
  });
}

/** Keeps the tab until the text is on the disk. */
function saveThenClose(ide: Ide, path: string, close: () => void): void {
  const { documents } = ide;
  const stop = documents.store.subscribe((views) => {
    const state = views[path]?.state;
    if (state && (state.saving || (state.dirty && !state.error && !state.conflict))) return;
    stop();
    if (!state || !state.dirty) close();
  });
  documents.save(path);
}
