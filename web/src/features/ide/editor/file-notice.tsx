import { Button, Group } from "@mantine/core";
import { IconFileOff, IconFileZip, IconWeight } from "@tabler/icons-react";
import { type ReactElement, useMemo } from "react";
import { EmptyState } from "../../../ui/empty-state";
import { FileActions } from "../files/file-actions";
import { nameOf, shown } from "../paths";
import { useIde } from "../shell/ide-context";
import { formatBytes } from "../../../lib/format";
import type { Notice } from "./documents";
import classes from "./editor.module.css";

function wordsFor(notice: Exclude<Notice, { kind: "image" }>): { title: string; text: string; icon: ReactElement } {
  switch (notice.kind) {
    case "huge":
      return {
        title: "This file is too large to edit",
        text: `It has ${formatBytes(notice.size)}; files up to 10 MiB are opened as text.`,
        icon: <IconWeight size={30} />,
      };
    case "binary":
      return {
        title: "This file is not text",
        text: `${formatBytes(notice.size)} of binary data, or text in another encoding than UTF-8.`,
        icon: <IconFileZip size={30} />,
      };
    case "unreadable":
      return { title: "This file cannot be opened", text: notice.message, icon: <IconFileOff size={30} /> };
  }
}

/** In the place of the editor, for what cannot be edited as text. */
export function FileNotice({ path, notice }: { path: string; notice: Notice }): ReactElement {
  const ide = useIde();
  const actions = useMemo(() => new FileActions(ide), [ide]);
  if (notice.kind === "image") {
    return (
      <figure className={classes.image}>
        <img src={notice.url} alt={shown(nameOf(path))} />
        <figcaption>{formatBytes(notice.size)}</figcaption>
      </figure>
    );
  }
  const { title, text, icon } = wordsFor(notice);
  const readable = notice.kind !== "unreadable";
  return (
    <div className={classes.notice} data-testid="file-notice" data-kind={notice.kind}>
      <EmptyState
        icon={icon}
        title={title}
        text={text}
        action={
          <Group gap="xs" justify="center">
            {readable && (
              <>
                <Button size="xs" onClick={() => void actions.download(path, false)}>
                  Download
                </Button>
                <Button size="xs" variant="default" onClick={() => void ide.documents.peek(path)}>
                  Show the first 1 MB, read-only
                </Button>
              </>
            )}
            {!readable && (
              <Button size="xs" onClick={() => void ide.documents.open(path)}>
                Try again
              </Button>
            )}
          </Group>
        }
      />
    </div>
  );
}
