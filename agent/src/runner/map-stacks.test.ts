import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { expect, onTestFinished, test } from "vitest";

const source = `type Name = string;

class Broken extends Error {
  override name = "Broken";
}
export const fail = (name: Name): never => {
  throw new Broken(name);
};
export const failLater = async (): Promise<void> => {
  await Promise.resolve();
  fail("later");
};
`;

/** Bundles the source, and says the stacks of both functions as a process says them that maps its stacks. */
const stacks = async (over: { map?: string } = {}): Promise<string[]> => {
  const dir = await mkdtemp(join(tmpdir(), "stacks-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const bundle = { bundle: true, format: "esm", platform: "node", absWorkingDir: dir } as const;
  await writeFile(join(dir, "source.ts"), source);
  const options = {
    sourcemap: "linked",
    sourceRoot: "file:///home/ada/shop/",
    minify: true,
    keepNames: true,
  } as const;
  await build({ ...bundle, ...options, entryPoints: ["source.ts"], outfile: "index.mjs" });
  if (over.map !== undefined) await writeFile(join(dir, "index.mjs.map"), over.map);
  const contents = `
    import { mapStacks } from ${JSON.stringify(join(import.meta.dirname, "map-stacks.ts"))};
    mapStacks(${JSON.stringify(dir)});
    const { fail, failLater } = await import(String(${JSON.stringify(join(dir, "index.mjs"))}));
    const said = [];
    try { fail("now"); } catch (error) { said.push(error.stack); }
    await failLater().catch((error) => said.push(error.stack));
    said.push(new Error("here").stack);
    console.log(JSON.stringify(said));`;
  await build({ ...bundle, stdin: { contents, resolveDir: dir }, outfile: "main.mjs" });
  return JSON.parse((await promisify(execFile)(process.execPath, [join(dir, "main.mjs")])).stdout);
};

test("stacks name the lines of the sources, in asynchronous functions too", async () => {
  const [now, later, here] = await stacks();
  expect(now?.split("\n").slice(0, 2)).toEqual(["Broken: now", "    at fail (/home/ada/shop/source.ts:7:9)"]);
  expect(later).toContain("    at failLater (/home/ada/shop/source.ts:11:3)");
  // No map is beside it.
  expect(here).toContain("main.mjs:");
});

test("a map that cannot be read leaves the lines of the bundle", async () => {
  const [now] = await stacks({ map: "{" });
  expect(now).toMatch(/^Broken: now\n {4}at \w+ \(file:.*index\.mjs:\d+:\d+\)/);
});
