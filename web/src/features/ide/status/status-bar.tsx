import { UnstyledButton } from "@mantine/core";
import { IconKeyboard } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { useIde } from "../shell/ide-context";
import { ConnectionItem } from "./connection-item";
import { EditorItems } from "./editor-items";
import classes from "./status-bar.module.css";
import { UsageItem } from "./usage-item";

export function StatusBar(): ReactElement {
  const ide = useIde();
  return (
    <footer className={classes.bar} data-region="status" aria-label="Status">
      <ConnectionItem />
      <UsageItem />
      <span className={classes.space} />
      <EditorItems />
      <UnstyledButton className={classes.item} aria-label="Keyboard shortcuts" title="Keyboard shortcuts" onClick={() => ide.show("help")}>
        <IconKeyboard size={15} stroke={1.7} />
      </UnstyledButton>
    </footer>
  );
}
