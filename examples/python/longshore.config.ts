import { defineConfig } from "@longshore/sdk";
import { pythonExtension } from "longshore/build";

export default defineConfig({
  project: "python",
  maxDuration: 300,
  build: { extensions: [pythonExtension({ scripts: ["scripts/*.py"] })] },
});
