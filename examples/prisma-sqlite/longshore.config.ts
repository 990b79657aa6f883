import { defineConfig } from "@longshore/sdk";
import { prismaExtension } from "longshore/build";

export default defineConfig({
  project: "prisma-sqlite",
  maxDuration: 300,
  build: { extensions: [prismaExtension({ mode: "modern" })] },
});
