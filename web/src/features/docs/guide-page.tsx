import { Anchor, Code, Kbd, Text } from "@mantine/core";
import type { ReactElement, ReactNode } from "react";
import { Link } from "react-router";
import { Page } from "../../ui/page";
import { Panel } from "../../ui/panel";
import classes from "./guide-page.module.css";

const KEYS: [string[], string][] = [
  [["Ctrl", "P"], "Open a file by its name"],
  [["Ctrl", "Shift", "P"], "All commands"],
  [["Ctrl", "Shift", "F"], "Search in files"],
  [["Ctrl", "S"], "Save now (files also save by themselves)"],
  [["Ctrl", "B"], "Show or hide the side panel"],
  [["Ctrl", "`"], "Show or hide the terminals"],
  [["F6"], "Go to the next region of the window"],
];

/** How to use Coditect, on one page. */
export function GuidePage(): ReactElement {
  return (
    <Page title="Guide" description="What to know to work with Coditect." width="narrow">
      <Chapter title="Workspaces">
        <Text>
          A workspace is a Linux of your own: files, terminals and programs, with the CPU, memory and storage of your plan.
          Your files live in <Code>/workspace</Code>. Stopping a workspace ends its programs and keeps its files; closing
          the browser does neither. Open it on another computer and you find the same tabs and terminals.
        </Text>
      </Chapter>
      <Chapter title="Keys">
        <dl className={classes.keys}>
          {KEYS.map(([keys, meaning]) => (
            <div key={meaning}>
              <dt>
                {keys.map((key) => (
                  <Kbd key={key} size="xs">
                    {key}
                  </Kbd>
                ))}
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
        <Text c="dimmed" size="sm">
          On a Mac use ⌘ instead of Ctrl.
        </Text>
      </Chapter>
      <Chapter title="Terminals">
        <Text>
          Terminals keep running when nobody looks at them and when your connection breaks: what you typed is delivered once,
          and the screen comes back as it was. Copy with <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">Shift</Kbd>{" "}
          <Kbd size="xs">C</Kbd>, paste with <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">Shift</Kbd> <Kbd size="xs">V</Kbd>.
        </Text>
      </Chapter>
      <Chapter title="Ports">
        <Text>
          When a program in your workspace listens on a port, the ports panel offers to open it in the browser. Only people
          who may use the workspace can open the address. Try it:
        </Text>
        <Code block mt="xs" tabIndex={0} aria-label="Example command">
          python3 -m http.server 3000
        </Code>
      </Chapter>
      <Chapter title="Programs and scripts">
        <Text>
          Everything here is also in the{" "}
          <Anchor component={Link} to="/docs/api" underline="always" inherit>
            HTTP API
          </Anchor>
          . On the machine that runs the server, <Code>coditect workspace list</Code> and <Code>coditect user add</Code> do
          the same from a shell; <Code>coditect help</Code> lists the rest.
        </Text>
      </Chapter>
    </Page>
  );
}

function Chapter({ title, children }: { title: string; children: ReactNode }): ReactElement {
  return (
    <Panel title={title}>
      <div className={classes.chapter}>{children}</div>
    </Panel>
  );
}
