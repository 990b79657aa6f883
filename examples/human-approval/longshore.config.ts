import { defineConfig } from "@longshore/sdk";

export default defineConfig({ project: "human-approval", maxDuration: 300 });
