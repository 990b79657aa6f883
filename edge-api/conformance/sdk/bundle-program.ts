import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const program = fileURLToPath(new URL("./portable-program.ts", import.meta.url));

/**
 * The portable program and this entry as one module for runtimes without Node's modules.
 * Errors: throws when anything in it imports one.
 */
export const bundleProgram = async (entry: string): Promise<string> => {
  const result = await build({
    stdin: {
      contents: `import { runPortableProgram } from ${JSON.stringify(program)};\n${entry}`,
      resolveDir: fileURLToPath(new URL(".", import.meta.url)),
      loader: "ts",
    },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports);
  if (imports.length > 0) throw new Error(`it imports ${imports.map(({ path }) => path).join(", ")}`);
  return result.outputFiles[0]?.text ?? "";
};
