import { Button, TextInput } from "@mantine/core";
import { IconArrowRight, IconDeviceFloppy, IconTerminal2, IconWorldShare } from "@tabler/icons-react";
import { useState, type FormEvent, type ReactElement } from "react";
import { useNavigate } from "react-router";
import { messageOf } from "../../api/errors";
import { useCreateWorkspace } from "../../api/use-workspaces";
import classes from "./first-workspace.module.css";

const FACTS = [
  { icon: IconTerminal2, title: "A real terminal", text: "A Linux of your own, with your tools and your files." },
  { icon: IconDeviceFloppy, title: "Nothing is lost", text: "Close the tab; programs keep running and files stay." },
  { icon: IconWorldShare, title: "See what you build", text: "Each port opens in the browser, with your login." },
];

/** What a new user sees: one thing to do. */
export function FirstWorkspace({ userName }: { userName: string }): ReactElement {
  const [name, setName] = useState("my-first-workspace");
  const create = useCreateWorkspace();
  const navigate = useNavigate();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate(
      { name: name.trim(), start: true },
      { onSuccess: (workspace) => void navigate(`/workspaces/${workspace.id}`) },
    );
  };
  return (
    <div className={classes.panel} data-testid="first-workspace">
      <h2 className={classes.title}>{userName ? `Welcome, ${userName}` : "Welcome"}</h2>
      <p className={classes.text}>Create your first workspace: an editor and a terminal, ready in a second.</p>
      <form onSubmit={submit} className={classes.form}>
        <TextInput
          aria-label="Name of the workspace"
          className={classes.input}
          size="md"
          required
          maxLength={64}
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={create.error && messageOf(create.error)}
        />
        <Button
          type="submit"
          size="md"
          autoFocus
          rightSection={<IconArrowRight size={18} />}
          loading={create.isPending || create.isSuccess}
          disabled={name.trim() === ""}
        >
          Create workspace
        </Button>
      </form>
      <ul className={classes.facts}>
        {FACTS.map(({ icon: Icon, title, text }) => (
          <li key={title}>
            <Icon size={20} stroke={1.6} aria-hidden="true" />
            <div>
              <strong>{title}</strong>
              <p>{text}</p>
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
