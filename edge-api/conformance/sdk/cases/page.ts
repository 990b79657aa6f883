import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { expect, test, vi } from "vitest";
import { deploy } from "../../http/client.ts";
import { sceneLimits, sceneTasks } from "../../official-client/scene.ts";
import type { Scene } from "../scene.ts";

const page = fileURLToPath(new URL("../../../../docs/sdk.md", import.meta.url));
const sdk = createRequire(import.meta.url).resolve("@longshore/sdk");

/** The examples of docs/sdk.md that run on a server: name and code. */
const examplesOf = async (): Promise<[string, string][]> =>
  [...(await readFile(page, "utf8")).matchAll(/```ts\n\/\/ (server\/\S+)\n([\s\S]*?)```/g)].map(
    ([, name = "", code = ""]) => [name, code],
  );

/** One module each, as a program of its own would have it. */
const bundle = async (code: string): Promise<string> => {
  const result = await build({
    stdin: { contents: code, loader: "ts", resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    alias: { "@longshore/sdk": sdk },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
};

/** What docs/sdk.md shows is what happens. */
export const pageCases = (scene: Scene): void => {
  test("the examples of docs/sdk.md run", async () => {
    const { url, apiKey } = scene.platform();
    await deploy(scene.platform(), [...sceneTasks, { id: "resize" }, { id: "notify" }], {
      limits: sceneLimits,
    });
    const variables = { LONGSHORE_API_URL: url, LONGSHORE_SECRET_KEY: apiKey, STAGING_KEY: apiKey };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const folder = await mkdtemp(join(tmpdir(), "longshore-page-"));
    try {
      const examples = await examplesOf();
      expect(examples.map(([name]) => name)).toEqual(
        ["trigger", "batch", "runs", "manage", "tokens", "clients", "errors"].map(
          (name) => `server/${name}.ts`,
        ),
      );
      for (const [index, [name, code]] of examples.entries()) {
        const file = join(folder, `${index}.mjs`);
        await writeFile(file, await bundle(code));
        await expect(import(pathToFileURL(file).href), name).resolves.toBeDefined();
      }
      expect(log.mock.calls.at(-1)).toEqual([null]);
    } finally {
      log.mockRestore();
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true, force: true });
    }
  });
};
