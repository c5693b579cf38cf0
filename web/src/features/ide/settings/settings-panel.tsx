import { NumberInput, Switch } from "@mantine/core";
import type { ReactElement } from "react";
import { useStore } from "zustand";
import { PanelHead } from "../shell/panel-head";
import { changeSettings, FONT_SIZES, type IdeSettings, settingsStore } from "./settings";
import classes from "./settings-panel.module.css";

type SwitchKey = { [K in keyof IdeSettings]: IdeSettings[K] extends boolean ? K : never }[keyof IdeSettings];
type NumberKey = Exclude<keyof IdeSettings, SwitchKey>;

/** How the editor and the terminal behave on this device. */
export default function SettingsPanel(): ReactElement {
  const settings = useStore(settingsStore);
  const toggle = (key: SwitchKey, label: string, description?: string) => (
    <Switch
      size="xs"
      label={label}
      description={description}
      checked={settings[key]}
      onChange={({ currentTarget }) => changeSettings({ [key]: currentTarget.checked })}
    />
  );
  const number = (key: NumberKey, label: string, min: number, max: number) => (
    <NumberInput
      size="xs"
      label={label}
      min={min}
      max={max}
      allowDecimal={false}
      value={settings[key]}
      onChange={(value) => typeof value === "number" && value >= min && value <= max && changeSettings({ [key]: value })}
    />
  );
  return (
    <div className={classes.panel} data-testid="settings-panel">
      <PanelHead title="Settings" />
      <div className={classes.body}>
        <h3>Editor</h3>
        {toggle("autosave", "Autosave", "Saves a second after typing, and on leaving the editor")}
        {number("editorFontSize", "Text size", FONT_SIZES.min, FONT_SIZES.max)}
        {number("tabSize", "Tab width", 1, 16)}
        {toggle("wordWrap", "Wrap long lines")}
        {toggle("minimap", "Minimap")}
        {toggle("whitespace", "Show whitespace")}
        <h3>Terminal</h3>
        {number("terminalFontSize", "Text size", FONT_SIZES.min, FONT_SIZES.max)}
        {toggle("copyOnSelect", "Copy on select")}
        <h3>Files</h3>
        {toggle("hiddenFiles", "Show hidden files")}
        <h3>Accessibility</h3>
        {toggle("screenReader", "Screen reader support", "The terminal and the editor keep a text for screen readers")}
      </div>
    </div>
  );
}
