import { basename } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { build } from "esbuild";
import { pack } from "tar-stream";

/** An archive as `longshore deploy` makes them. Shape: file name → content. */
export const makeBundle = async (files: Record<string, string>): Promise<Buffer> => {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return promisify(gzip)(Buffer.concat(parts));
};

let sdk: Promise<Record<string, string>> | undefined;
/** The SDK's modules: each bundle carries its own, as those that `longshore deploy` makes do. Cost: once a process. */
const bundledSdk = (): Promise<Record<string, string>> => {
  sdk ??= build({
    stdin: { contents: 'export * from "@longshore/sdk";', resolveDir: import.meta.dirname, loader: "js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    // What it loads when it is needed stays apart.
    splitting: true,
    outdir: "/",
    entryNames: "sdk",
    outExtension: { ".js": ".mjs" },
  }).then(({ outputFiles }) =>
    Object.fromEntries(outputFiles.map(({ path, text }) => [basename(path), text])),
  );
  return sdk;
};

/** The files of a bundle whose tasks are written down here as source text: id → members of the task's options. */
export const taskFiles = async (
  tasks: Record<string, string>,
  prelude = "",
): Promise<Record<string, string>> => ({
  ...(await bundledSdk()),
  "tasks.mjs": `
import * as sdk from "./sdk.mjs";
${prelude}
const host = () => globalThis[Symbol.for("longshore.host.1")];
${Object.entries(tasks)
  .map(([id, members]) => `sdk.task({ id: ${JSON.stringify(id)}, ${members} });`)
  .join("\n")}
`,
});
