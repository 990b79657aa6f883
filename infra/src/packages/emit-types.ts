import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { runCommand } from "../services/run-command.ts";

const emitMsMax = 120_000;
/** The compiler is called by its file: nothing of `node_modules/.bin` need be in PATH. */
const compilerOf = (root: string): string =>
  join(dirname(createRequire(join(root, "package.json")).resolve("typescript/package.json")), "bin/tsc");

/** `./a.ts` and `@longshore/shared/contract/a`, as other packages' compilers want them: `./a.js`, `../../shared/src/contract/a.js`. */
const specifier = /((?:from|import|module)\s*\(?\s*)"(\.[^"]*\.ts|@longshore\/shared\/[^"]*)"/g;

const rewrite = (text: string, file: string, typesDir: string): string =>
  text.replaceAll(specifier, (_all, before: string, name: string) => {
    if (name.startsWith(".")) return `${before}"${name.slice(0, -3)}.js"`;
    const target = join(typesDir, "shared/src", `${name.slice("@longshore/shared/".length)}.js`);
    const path = relative(dirname(file), target).split(sep).join("/");
    return `${before}"${path.startsWith(".") ? path : `./${path}`}"`;
  });

/**
 * Writes the declarations of some modules, and of all that they name, into `typesDir`, where they lie as in the house:
 * `sdk/src/index.d.ts`, `shared/src/contract/runs.d.ts`.
 *
 * Shape: `entries` are paths below `root`. Cost: about 3 s. Errors: throws with the compiler's output.
 */
export const emitTypes = async (
  root: string,
  entries: readonly string[],
  typesDir: string,
  workDir: string,
): Promise<void> => {
  await mkdir(workDir, { recursive: true });
  const config = join(workDir, "tsconfig.types.json");
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: root,
    outDir: typesDir,
    typeRoots: [join(root, "node_modules/@types")],
    // Without these the compiler takes the shared code for an installed package, and leaves it out.
    paths: { "@longshore/shared/*": [join(root, "shared/src/*.ts")] },
  };
  const files = entries.map((entry) => join(root, entry));
  await writeFile(
    config,
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files, include: [] }),
  );
  const { code, output } = await runCommand(process.execPath, [compilerOf(root), "-p", config], {
    cwd: root,
    timeoutMs: emitMsMax,
  });
  if (code !== 0) throw new Error(`the declarations cannot be made:\n${output}`);
  const written = await readdir(typesDir, { recursive: true, withFileTypes: true });
  for (const entry of written.filter((entry) => entry.isFile())) {
    const file = join(entry.parentPath, entry.name);
    await writeFile(file, rewrite(await readFile(file, "utf8"), file, typesDir));
  }
};
