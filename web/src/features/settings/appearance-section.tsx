import { Radio, Stack, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import type { ReactElement } from "react";
import { Panel } from "../../ui/panel";

const SCHEMES: { value: MantineColorScheme; label: string; description: string }[] = [
  { value: "auto", label: "As the system", description: "Follows your computer's light and dark times." },
  { value: "light", label: "Light", description: "Always light." },
  { value: "dark", label: "Dark", description: "Always dark, terminals and editor too." },
];

function isScheme(value: string): value is MantineColorScheme {
  return SCHEMES.some((scheme) => scheme.value === value);
}

export function AppearanceSection(): ReactElement {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Panel title="Theme" description="Kept in this browser.">
      <Radio.Group
        aria-label="Theme"
        value={colorScheme}
        onChange={(value) => {
          if (isScheme(value)) setColorScheme(value);
        }}
      >
        <Stack gap="sm">
          {SCHEMES.map(({ value, label, description }) => (
            <Radio key={value} value={value} label={label} description={description} />
          ))}
        </Stack>
      </Radio.Group>
    </Panel>
  );
}
