import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const LIST = "src/app/mantine.css";
const CLASSES = /@mantine\/core\/esm\/.*\/(\w+)\.module\.mjs$/;

/**
 * Fails the build when a component of Mantine is used whose style is not imported. Importing the whole style sheet would
 * need no such care, but is a seventh of what the first page may weigh.
 */
export function mantineStyles(): Plugin {
  return {
    name: "coditect-mantine-styles",
    apply: "build",
    generateBundle(_options, bundle) {
      const imported = new Set([...readFileSync(LIST, "utf8").matchAll(/styles\/(\w+)\.css/g)].map((match) => match[1]));
      const used = Object.values(bundle)
        .flatMap((item) => (item.type === "chunk" ? Object.entries(item.modules) : []))
        .filter(([, module]) => module.renderedLength > 0)
        .map(([id]) => CLASSES.exec(id)?.[1])
        .filter((name) => name !== undefined);
      if (used.length === 0) this.error("Mantine styles: no component was found; adapt build/mantine-styles.ts.");
      const missing = [...new Set(used)].filter((name) => !imported.has(name)).sort();
      if (missing.length > 0) {
        this.error(`Mantine styles: import ${missing.map((name) => `${name}.css`).join(", ")} in ${LIST}, in the order given there.`);
      }
    },
  };
}
