import { defineConfig } from "@longshore/sdk";

export default defineConfig({
  project: "hello-world",
  dirs: ["src/trigger"],
  maxDuration: 300,
  retries: { default: { maxAttempts: 3, minTimeoutInMs: 500, maxTimeoutInMs: 5_000, factor: 2 } },
});
