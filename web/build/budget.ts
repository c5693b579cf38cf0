import { gzipSync } from "node:zlib";
import type { Plugin, Rolldown } from "vite";

const KB = 1000;
/** What the browser loads before it can show any page, compressed. The editor and terminal are not part of it. */
export const ENTRY_BUDGET_BYTES = 250 * KB;

function size(source: string | Uint8Array): number {
  return gzipSync(source, { level: 9 }).length;
}

/** Chunks the entry needs: itself and everything it imports statically. */
export function entryClosure(chunks: Map<string, Rolldown.OutputChunk>): Set<string> {
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const chunk = chunks.get(name);
    if (!chunk || seen.has(name)) return;
    seen.add(name);
    chunk.imports.forEach(visit);
  };
  for (const [name, chunk] of chunks) if (chunk.isEntry) visit(name);
  return seen;
}

/** Fails the build when the entry (scripts and style) outgrows its budget. */
export function bundleBudget(): Plugin {
  return {
    name: "coditect-bundle-budget",
    apply: "build",
    generateBundle(_options, bundle) {
      const chunks = new Map<string, Rolldown.OutputChunk>();
      for (const [name, item] of Object.entries(bundle)) if (item.type === "chunk") chunks.set(name, item);
      let total = 0;
      const styles = new Set<string>();
      for (const name of entryClosure(chunks)) {
        const chunk = chunks.get(name);
        if (!chunk) continue;
        total += size(chunk.code);
        chunk.viteMetadata?.importedCss.forEach((css) => styles.add(css));
      }
      for (const name of styles) {
        const asset = bundle[name];
        if (asset?.type === "asset") total += size(asset.source);
      }
      const text = `entry ${(total / KB).toFixed(1)} kB gzip of ${ENTRY_BUDGET_BYTES / KB} kB`;
      if (total > ENTRY_BUDGET_BYTES) this.error(`Bundle budget exceeded: ${text}. Load what is not needed at first lazily.`);
      this.info(`Bundle budget: ${text}`);
    },
  };
}
