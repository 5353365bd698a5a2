import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The service replaces this mark by a fresh value in every index.html it sends (orchestrator/api/console.py).
const NONCE_MARK = "__CSP_NONCE__";
const service = process.env.ORCHESTRATOR_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
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
