import { defineConfig } from "@longshore/sdk";

export default defineConfig({ project: "batch-fan-out", maxDuration: 300 });
