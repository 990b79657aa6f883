import { build } from "esbuild";
import { expect, test } from "vitest";
import { ownSdkPath } from "./sdk-plugin.ts";

test("the SDK bundles for browsers and edge runtimes, which know no Node modules", async () => {
  const result = await build({
    stdin: { contents: `export * from ${JSON.stringify(ownSdkPath())};`, resolveDir: "/", loader: "js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    logLevel: "silent",
  });
  expect(result.errors).toEqual([]);
});

test("a task bundle carries no schema library", async () => {
  const result = await build({
    stdin: {
      contents: `import { task, tasks, runs, wait, logger } from ${JSON.stringify(ownSdkPath())};\nconsole.log(task, tasks, runs, wait, logger);`,
      resolveDir: "/",
      loader: "js",
    },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    logLevel: "silent",
  });
  const outputs = Object.values(result.metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const used = outputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file);
  expect(used.filter((file) => file.includes("/zod/"))).toEqual([]);
  expect(used.some((file) => file.includes("superjson"))).toBe(true);
});
