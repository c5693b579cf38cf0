import { type ReactElement, useState } from "react";
import { useIde } from "../shell/ide-context";
import { type Command, COMMANDS } from "./commands";
import { keysShown } from "./keys";
import classes from "./palette.module.css";
import { Picker, type PickerItem } from "./picker";

/** Every word typed has to occur, in any order. */
function fits(command: Command, query: string): boolean {
  const text = `${command.group} ${command.title}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function CommandPalette({ onClose }: { onClose: () => void }): ReactElement {
  const ide = useIde();
  const [text, setText] = useState("");
  const query = text.replace(/^>\s*/, "").trim();
  const offered = COMMANDS.filter(({ shownOnly, id }) => !shownOnly && id !== "palette-f1" && id !== "region" && id !== "palette");
  const items: PickerItem[] = offered
    .filter((command) => fits(command, query))
    .map((command) => ({
      id: command.id,
      content: (
        <>
          <span className={classes.itemGroup}>{command.group}</span>
          <span className={classes.itemName}>{command.title}</span>
          {command.keys && <kbd className={classes.keys}>{keysShown(command.keys)}</kbd>}
        </>
      ),
      onPick: () => command.run(ide),
    }));
  return (
    <Picker
      label="Commands"
      placeholder="What would you like to do?"
      testId="command-palette"
      query={text}
      items={items}
      empty="No command fits these words."
      onQuery={setText}
      onClose={onClose}
    />
  );
}
