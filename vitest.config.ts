import { defineConfig } from "vitest/config";

/** One configuration for the whole house; `pnpm test` starts it with the services that tests need. */
export default defineConfig({
  test: {
    include: ["**/src/**/*.test.{ts,tsx}", "edge-api/conformance/**/*.test.ts", "infra/e2e/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "tmp/**"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globals: false,
  },
});
