import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { buildProject } from "./build-project.ts";
import { ownSdkPath } from "./sdk-plugin.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const example = path.join(root, "examples/trigger-dev-project");
const tsc = path.join(root, "node_modules/.bin/tsc");

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** The example elsewhere, as a project that has our SDK installed and the tsconfig that the page shows. */
const installElsewhere = async (): Promise<string> => {
  const dir = await mkdtemp(path.join(tmpdir(), "longshore-compat-"));
  folders.push(dir);
  for (const file of ["src", "trigger.config.ts"]) {
    await cp(path.join(example, file), path.join(dir, file), { recursive: true });
  }
  await mkdir(path.join(dir, "node_modules/@longshore"), { recursive: true });
  await symlink(path.join(path.dirname(ownSdkPath()), ".."), path.join(dir, "node_modules/@longshore/sdk"));
  const page = await readFile(path.join(root, "docs/compatibility.md"), "utf8");
  const [, shown = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const { compilerOptions } = JSON.parse(shown) as { compilerOptions: object };
  const base = {
    strict: true,
    module: "ESNext",
    moduleResolution: "bundler",
    target: "ES2022",
    noEmit: true,
  };
  // The SDK is its sources here; an installed one is declarations.
  const sources = {
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    lib: ["ES2023", "DOM", "DOM.Iterable"],
  };
  await writeFile(
    path.join(dir, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: { ...base, ...sources, types: [], ...compilerOptions },
      include: ["src", "*.ts"],
    }),
  );
  return dir;
};

/** What the compiler says. */
const check = (dir: string): Promise<string> =>
  run(tsc, ["-p", dir]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );

test("a project that imports only the reference system's names is built as it is", async () => {
  const { manifest } = await buildProject(example);
  expect(manifest.tasks.map(({ id }) => id).sort()).toEqual([
    "checkout",
    "housekeeping",
    "legacy",
    "order",
    "pack",
    "price",
    "signup",
  ]);
});

test("it type-checks against our types through the mapping that the page shows", async () => {
  const dir = await installElsewhere();
  expect(await check(dir)).toBe("");
  const wrong = `import { tasks } from "@trigger.dev/sdk";\nimport type { order } from "./orders";\nexport const bad = () => tasks.trigger<typeof order>("order", { id: 1 });\n`;
  await writeFile(path.join(dir, "src/trigger/wrong.ts"), wrong);
  expect(await check(dir)).toContain("src/trigger/wrong.ts(3,");
});
