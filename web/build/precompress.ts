import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Plugin } from "vite";

const compress = promisify(gzip);
const COMPRESSIBLE = /\.(js|css|html|svg|json|txt|map|wasm)$/;
const MIN_BYTES = 1024;

/** Writes a `.gz` beside every asset that gains from it, so that the server never compresses while answering. */
export function precompress(): Plugin {
  let outDir = "dist";
  return {
    name: "coditect-precompress",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      outDir = config.build.outDir;
    },
    async closeBundle() {
      const entries = await readdir(outDir, { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        if (!entry.isFile() || !COMPRESSIBLE.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const content = await readFile(path);
        if (content.length < MIN_BYTES) continue;
        const packed = await compress(content, { level: 9 });
        if (packed.length < content.length) await writeFile(`${path}.gz`, packed);
      }
    },
  };
}
