/** What a project's configuration imports to shape its build. One line an extension; nothing here has code of its own. */
export { additionalFiles } from "./additional-files.ts";
export { additionalPackages } from "./additional-packages.ts";
export { aptGet } from "./apt-get.ts";
export type {
  BuildContext,
  BuildExtension,
  BuildLayer,
  BuildLogger,
  BuildManifest,
  BuildTarget,
  RegisterPluginOptions,
} from "./build-extension.ts";
export { emitDecoratorMetadata } from "./emit-decorator-metadata.ts";
export { esbuildPlugin } from "./esbuild-plugin.ts";
export { ffmpeg } from "./ffmpeg.ts";
export { playwright } from "./playwright.ts";
export { type PrismaOptions, prismaExtension } from "./prisma.ts";
export { puppeteer } from "./puppeteer.ts";
export { type PythonOptions, pythonExtension } from "./python.ts";
export { type SyncEnvVarsParams, type SyncedEnvVar, syncEnvVars } from "./sync-env-vars.ts";
