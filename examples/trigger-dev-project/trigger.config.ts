import { defineConfig } from "@trigger.dev/sdk";

export default defineConfig({
  project: "proj_trigger_dev_project",
  runtime: "node",
  dirs: ["./src/trigger"],
  maxDuration: 60,
  retries: { enabledInDev: true, default: { maxAttempts: 2, minTimeoutInMs: 500 } },
});
