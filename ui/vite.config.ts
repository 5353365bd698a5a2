import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// The service replaces this mark by a fresh value in every index.html it sends (orchestrator/api/console.py).
const NONCE_MARK = "__CSP_NONCE__";
const service = process.env.ORCHESTRATOR_URL ?? "http://127.0.0.1:8000";

// What the API's own reference page (/docs) needs, so that it works without the internet.
const REFERENCE = ["swagger-ui.css", "swagger-ui-bundle.js"];

function referencePage(): Plugin {
  const require = createRequire(import.meta.url);
  return {
    name: "reference-page",
    generateBundle() {
      for (const name of REFERENCE) {
        const source = readFileSync(require.resolve(`swagger-ui-dist/${name}`));
        this.emitFile({ type: "asset", fileName: `reference/${name}`, source });
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), referencePage()],
  html: { cspNonce: NONCE_MARK },
  build: {
    target: "es2023",
    // Inlined assets would need "data:" in the policy for fonts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    reportCompressedSize: false,
  },
  server: { host: "127.0.0.1", proxy: { "/api": service, "/health": service } },
});
