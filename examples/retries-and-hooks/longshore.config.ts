import { defineConfig } from "@longshore/sdk";

export default defineConfig({ project: "retries-and-hooks", maxDuration: 300 });
