import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where `vite dev` sends what the API serves: a `longshore dev` on this machine, or the fake. */
const apiOrigin = "http://127.0.0.1:3030";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: { target: "es2023", chunkSizeWarningLimit: 800 },
  server: { proxy: { "/api": apiOrigin } },
});
