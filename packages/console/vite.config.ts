import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: "src",
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2023",
    // The gateway's policy allows no inline script and no data address.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // These are the first versions that know light-dark().
    cssTarget: ["chrome123", "edge123", "firefox120", "safari17.5"],
  },
});
