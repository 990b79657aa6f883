import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ownSdkPath } from "./sdk-plugin.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));

test("every example of docs/sdk.md type-checks", async () => {
  const page = await readFile(path.join(root, "docs/sdk.md"), "utf8");
  const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
  expect(blocks.length).toBeGreaterThan(8);
  const dir = await mkdtemp(path.join(tmpdir(), "longshore-page-"));
  try {
    for (const [index, code] of blocks.entries()) {
      const [, name = `block-${index}.ts`] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? [];
      await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
      await writeFile(path.join(dir, name), code);
    }
    const compilerOptions = {
      ...{ strict: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: true },
      ...{
        module: "ESNext",
        moduleResolution: "bundler",
        target: "ES2023",
        lib: ["ES2023", "DOM", "DOM.Iterable"],
      },
      ...{
        allowImportingTsExtensions: true,
        types: ["node"],
        typeRoots: [path.join(root, "node_modules/@types")],
      },
      paths: { "@longshore/sdk": [ownSdkPath()] },
    };
    await writeFile(
      path.join(dir, "tsconfig.json"),
      JSON.stringify({ compilerOptions, include: ["**/*.ts"] }),
    );
    const said = await run(path.join(root, "node_modules/.bin/tsc"), ["-p", dir]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
    expect(said).toBe("");
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
