import { gzipSync } from "node:zlib";
import type { Plugin, Rolldown } from "vite";

type Chunks = ReadonlyMap<string, Rolldown.OutputChunk>;

const KB = 1000;
/** What the browser loads before it can show a page, compressed. The workspace page brings its editor and terminals later. */
export const PAGE_BUDGET_BYTES = 250 * KB;
const PAGE = /\/src\/features\/(?!ide\/)[^/]+\/[^/]+-page\.tsx$/;

function compressed(source: string | Uint8Array): number {
  return gzipSync(source, { level: 9 }).length;
}

/** A chunk and everything it imports statically. */
export function closure(chunks: Chunks, roots: Iterable<string>): Set<string> {
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const chunk = chunks.get(name);
    if (!chunk || seen.has(name)) return;
    seen.add(name);
    chunk.imports.forEach(visit);
  };
  for (const root of roots) visit(root);
  return seen;
}

/** Compressed scripts and styles of these chunks. */
function weigh(chunks: Chunks, names: Set<string>, bundle: Rolldown.OutputBundle): number {
  let bytes = 0;
  const styles = new Set<string>();
  for (const name of names) {
    const chunk = chunks.get(name);
    if (!chunk) continue;
    bytes += compressed(chunk.code);
    chunk.viteMetadata?.importedCss.forEach((css) => styles.add(css));
  }
  for (const style of styles) {
    const asset = bundle[style];
    if (asset?.type === "asset") bytes += compressed(asset.source);
  }
  return bytes;
}

/** Fails the build when the entry together with any one page outgrows the budget. */
export function bundleBudget(): Plugin {
  return {
    name: "coditect-bundle-budget",
    apply: "build",
    generateBundle(_options, bundle) {
      const chunks = new Map<string, Rolldown.OutputChunk>();
      for (const [name, item] of Object.entries(bundle)) if (item.type === "chunk") chunks.set(name, item);
      const entries = [...chunks].filter(([, chunk]) => chunk.isEntry).map(([name]) => name);
      const pages = [...chunks].filter(([, chunk]) => PAGE.test(chunk.facadeModuleId ?? "")).map(([name]) => name);
      if (pages.length === 0) this.error("Bundle budget: no page was found; adapt the pattern in build/budget.ts.");
      const weights = pages.map((page) => ({ page, bytes: weigh(chunks, closure(chunks, [...entries, page]), bundle) }));
      const heaviest = weights.reduce((a, b) => (b.bytes > a.bytes ? b : a));
      const text = `entry with ${heaviest.page}: ${(heaviest.bytes / KB).toFixed(1)} kB gzip of ${PAGE_BUDGET_BYTES / KB} kB`;
      if (heaviest.bytes > PAGE_BUDGET_BYTES) this.error(`Bundle budget exceeded by ${text}. Load lazily what is not needed at first.`);
      this.info(`Bundle budget: ${text}`);
    },
  };
}
