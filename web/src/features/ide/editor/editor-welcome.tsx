import { UnstyledButton } from "@mantine/core";
import type { ReactElement } from "react";
import { Logo } from "../../../ui/logo";
import { commandById, type CommandId } from "../palette/commands";
import { keysShown } from "../palette/keys";
import { useIde } from "../shell/ide-context";
import classes from "./editor.module.css";

const OFFERED: CommandId[] = ["quick-open", "palette", "new-file", "search", "terminal-toggle", "help"];

/** What the editor shows while no file is open: where to go from here. */
export function EditorWelcome(): ReactElement {
  const ide = useIde();
  return (
    <div className={classes.welcome}>
      <div className={classes.welcomeLogo} aria-hidden="true">
        <Logo size={56} />
      </div>
      <ul>
        {OFFERED.map((id) => {
          const command = commandById(id);
          return (
            <li key={id}>
              <UnstyledButton className={classes.welcomeItem} onClick={() => command.run(ide)}>
                <span>{command.title}</span>
                {command.keys && <kbd>{keysShown(command.keys)}</kbd>}
              </UnstyledButton>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
