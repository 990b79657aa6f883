import { defineConfig } from "@longshore/sdk";

export default defineConfig({ project: "native-sharp", maxDuration: 300 });
