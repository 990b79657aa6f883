import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createProject } from "../testing/project.fixture.ts";
import { buildProject } from "./build-project.ts";

const page = new URL("../../../docs/tasks.md", import.meta.url);

/** The examples of the page that say which file they are. Shape: file → code. */
const examples = async (): Promise<Record<string, string>> => {
  const blocks = (await readFile(page, "utf8")).matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g);
  return Object.fromEntries([...blocks].map(([, file = "", code = ""]) => [file, code]));
};

const ownRequire = createRequire(import.meta.url);
const addZod = async (dir: string): Promise<void> => {
  await mkdir(path.join(dir, "node_modules"));
  await symlink(path.dirname(ownRequire.resolve("zod/package.json")), path.join(dir, "node_modules/zod"));
};

test("every example of the page on tasks has the types that it needs", async () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const project = await createProject(await examples());
  try {
    await addZod(project.dir);
    const base = { extends: path.join(root, "tsconfig.json"), include: [`${project.dir}/src`] };
    const compilerOptions = {
      paths: { "@longshore/sdk": [path.join(root, "sdk/src/index.ts")] },
      typeRoots: [path.join(root, "node_modules/@types")],
    };
    await project.write("tsconfig.json", JSON.stringify({ ...base, compilerOptions }));
    const tsc = path.join(root, "node_modules/.bin/tsc");
    const { stdout } = await promisify(execFile)(tsc, ["-p", project.dir]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  } finally {
    await project.remove();
  }
});

test("every example of the page on tasks builds and is indexed", async () => {
  const project = await createProject(await examples());
  try {
    await addZod(project.dir);
    const { manifest, warnings } = await buildProject(project.dir);
    expect(warnings).toEqual([]);
    expect(manifest.tasks.map(({ id }) => id).sort()).toEqual([
      "approval",
      "charge",
      "greet",
      "import-rows",
      "invoice",
      "nightly",
      "payout",
      "payout/finaliser",
      "report",
      "send",
      "summarise",
      "sync",
    ]);
    expect(manifest.tasks.find(({ id }) => id === "payout")?.finaliser).toBe("payout/finaliser");
    expect(manifest.limits).toEqual([{ name: "openai", total: 25, perKey: 2 }]);
    expect(manifest.tasks.find(({ id }) => id === "invoice")?.payloadSchema).toMatchObject({
      properties: { currency: { default: "EUR" } },
    });
  } finally {
    await project.remove();
  }
});
