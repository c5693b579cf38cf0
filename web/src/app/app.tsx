import { MantineProvider } from "@mantine/core";
import type { ReactElement } from "react";

export function App(): ReactElement {
  return <MantineProvider>Coditect</MantineProvider>;
}
