import { readFile } from "node:fs/promises";
import path from "node:path";
import { addFiles } from "./additional-files.ts";
import type { BuildExtension } from "./build-extension.ts";

const venv = "/opt/venv";

/** Options of `pythonExtension`. Paths are relative to the project. */
export type PythonOptions = {
  /** Lines as in a requirements file; or such a file; not both. */
  requirements?: string[];
  requirementsFile?: string;
  /** Globs of scripts that go with the code. */
  scripts?: string[];
  /** The interpreter that `longshore dev` uses: `.venv/bin/python`. */
  devPythonBinaryPath?: string;
};

const readRequirements = async (dir: string, options: PythonOptions): Promise<string[]> => {
  if (options.requirements && options.requirementsFile) {
    throw new Error("pythonExtension: give `requirements` or `requirementsFile`, not both");
  }
  if (options.requirementsFile === undefined) return options.requirements ?? [];
  const text = await readFile(path.join(dir, options.requirementsFile), "utf8").catch(() => {
    throw new Error(`pythonExtension: there is no ${options.requirementsFile}`);
  });
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
};

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * Python beside the tasks: the interpreter and packages in the image, scripts with the code. Tasks call it by
 * `python.runScript` of `@longshore/sdk/python`. Deploy with `--image`.
 */
export const pythonExtension = (options: PythonOptions = {}): BuildExtension => ({
  name: "python",
  async onBuildStart(context) {
    const requirements = await readRequirements(context.workingDir, options);
    if (context.target !== "deploy") {
      const binary = options.devPythonBinaryPath;
      if (binary === undefined) return;
      const env = { PYTHON_BIN_PATH: path.resolve(context.workingDir, binary) };
      return context.addLayer({ id: "python", deploy: { env, override: true } });
    }
    const install =
      requirements.length === 0
        ? []
        : [`RUN ${venv}/bin/pip install --no-cache-dir ${requirements.map(quote).join(" ")}`];
    context.addLayer({
      id: "python",
      image: {
        pkgs: ["python3", ...(requirements.length === 0 ? [] : ["python3-venv", "python3-pip"])],
        instructions: requirements.length === 0 ? [] : [`RUN python3 -m venv ${venv}`, ...install],
      },
      deploy: {
        env: { PYTHON_BIN_PATH: requirements.length === 0 ? "/usr/bin/python3" : `${venv}/bin/python` },
        override: true,
      },
    });
  },
  async onBuildComplete(context, manifest) {
    if (options.scripts) await addFiles(context.workingDir, manifest.outputPath, options.scripts);
  },
});
