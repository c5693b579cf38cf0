import { Button, Group, Modal, Text } from "@mantine/core";
import { lazy, type ReactElement, Suspense, useEffect, useState } from "react";
import { messageOf } from "../../../api/errors";
import { nameOf, shown } from "../paths";
import { useIde } from "../shell/ide-context";
import { readDisk } from "./disk";
import classes from "./editor.module.css";

const DiffView = lazy(() => import("./diff-view"));

export interface ConflictDialogProps {
  path: string;
  dark: boolean;
  onLater: () => void;
}

/** Two sides changed one file: shows both and lets the user choose. */
export default function ConflictDialog({ path, dark, onLater }: ConflictDialogProps): ReactElement {
  const { documents, files } = useIde();
  const [theirs, setTheirs] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const document = documents.document(path);
  useEffect(() => {
    let left = false;
    readDisk(files, path).then(
      (found) => {
        if (left) return;
        if (found.kind === "text") setTheirs(found.text);
        else setError("The file on disk is no text any more.");
      },
      (reason: unknown) => !left && setError(messageOf(reason)),
    );
    return () => {
      left = true;
    };
  }, [files, path]);
  const name = shown(nameOf(path));
  return (
    <Modal
      opened
      onClose={onLater}
      size="min(1100px, 94vw)"
      title={`“${name}” was changed in two places`}
      closeButtonProps={{ "aria-label": "Decide later" }}
    >
      {/* The text has the focus, not a button: nobody decides by a key that was meant for the editor. */}
      <Text size="sm" c="dimmed" mb="sm" tabIndex={-1} data-autofocus data-testid="conflict-dialog" style={{ outline: "none" }}>
        Something else wrote this file after you opened it. On the left is the file on disk, on the right what you typed.
      </Text>
      <div className={classes.diff}>
        {error !== null && (
          <Text c="var(--cd-danger)" size="sm" p="md" role="alert">
            {error}
          </Text>
        )}
        {error === null && theirs !== null && document && (
          <Suspense fallback={null}>
            <DiffView theirs={theirs} mine={document.model} dark={dark} />
          </Suspense>
        )}
      </div>
      <Group justify="space-between" mt="md">
        <Button variant="subtle" color="gray" c="var(--cd-dimmed)" onClick={onLater}>
          Decide later
        </Button>
        <Group gap="xs">
          <Button
            variant="default"
            data-testid="conflict-theirs"
            onClick={() => documents.document(path)?.dispatch({ type: "take-theirs" })}
          >
            Take the file on disk
          </Button>
          <Button data-testid="conflict-mine" onClick={() => documents.document(path)?.dispatch({ type: "keep-mine" })}>
            Keep what I typed
          </Button>
        </Group>
      </Group>
    </Modal>
  );
}
