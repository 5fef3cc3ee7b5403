import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

const HUB = process.env.TOWPATH_URL ?? "http://127.0.0.1:8420";

/** Lays each file compressed beside itself, so that the hub compresses nothing. */
function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(js|css|svg|json)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const bytes = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        writeFileSync(
          `${path}.br`,
          brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
        );
      }
    },
  };
}

export default defineConfig({
  plugins: [
    // Tests change nothing in the checkout: they may have no right to.
    ...(process.env.VITEST ? [] : [tanstackRouter({ target: "react", autoCodeSplitting: true, generatedRouteTree: "./src/routeTree.gen.ts" })]),
    react(),
    ...(process.env.TOWPATH_UI_PLAIN ? [] : [compressed()]),
  ],
  resolve: { alias: { "~": resolve(import.meta.dirname, "src") } },
  build: {
    target: "es2023",
    // The number that styles bear does not reach modules that preload each other by inline script.
    modulePreload: { polyfill: false },
    // Nothing is inlined: the policy of the page allows files of the hub alone.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": { target: HUB, changeOrigin: false } } },
  test: { environment: "node", cache: false, include: ["src/**/*.test.{ts,tsx}"] },
});
