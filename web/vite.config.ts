import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { bundleBudget } from "./build/budget.ts";
import { mantineStyles } from "./build/mantine-styles.ts";
import { precompress } from "./build/precompress.ts";

const SERVER = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), mantineStyles(), bundleBudget(), precompress()],
  build: {
    target: "es2022",
    // The content security policy allows scripts from this origin only: nothing may be inlined as data:.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/api": { target: SERVER },
      "/health": { target: SERVER },
      "/w/": { target: SERVER, ws: true },
    },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["./src/test/setup.ts"],
    css: false,
    restoreMocks: true,
    testTimeout: 20_000,
  },
});
