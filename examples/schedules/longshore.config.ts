import { defineConfig } from "@longshore/sdk";

export default defineConfig({ project: "schedules", maxDuration: 300 });
