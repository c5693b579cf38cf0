import { Modal } from "@mantine/core";
import type { ReactElement } from "react";
import { type Command, COMMANDS } from "./commands";
import { keysShown } from "./keys";
import classes from "./palette.module.css";

const GROUPS: Command["group"][] = ["Go", "File", "Edit", "View", "Terminal", "Workspace"];

/** Every key the page knows. */
export default function HelpDialog({ onClose }: { onClose: () => void }): ReactElement {
  return (
    <Modal opened onClose={onClose} size="min(860px, 94vw)" title="Keyboard shortcuts">
      <div className={classes.help} data-testid="shortcuts-help">
        {GROUPS.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {COMMANDS.filter((command) => command.group === group && command.keys).map(({ id, title, keys = "" }) => (
                <div key={id}>
                  <dt>{title}</dt>
                  <dd>
                    <kbd className={classes.keys}>{keysShown(keys)}</kbd>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className={classes.helpNote}>
        While a terminal has the keyboard, keys go to its program. What still works there: commands, search in files, the
        terminal’s own keys and F6.
      </p>
    </Modal>
  );
}
