import path from "node:path";
import type { Command } from "commander";
import { type ImportTime, measureImports } from "../analyze/measure-imports.ts";
import { type Share, sharesOf } from "../analyze/shares-of.ts";
import { bundleProject } from "../bundle/bundle-project.ts";
import { loadConfig } from "../bundle/load-config.ts";
import { countOf } from "../terminal/count-of.ts";
import { print, printJson, table } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { startProgress } from "../terminal/progress.ts";
import { type CommonOptions, withCommon } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = CommonOptions & { top: number; imports: boolean };

const kib = (bytes: number): string => `${(bytes / 1_024).toFixed(1)} KiB`;

const printShares = (title: string, shares: Share[], total: number, top: number): void => {
  const rows = shares
    .slice(0, top)
    .map(({ name, bytes }) => [kib(bytes), `${((bytes / total) * 100).toFixed(1)} %`, name]);
  print(table([["SIZE", "PART", title], ...rows]));
  if (shares.length > top) print(`and ${shares.length - top} more`);
  print();
};

const printImports = (imports: ImportTime[]): void => {
  const rows = imports.map(({ file, ms, error }) => [
    ms === null ? "failed" : `${ms.toFixed(0)} ms`,
    file,
    error ?? "",
  ]);
  print(table([["IMPORT", "TASK FILE", ""], ...rows]));
};

const analyze = async (given: string, options: Options): Promise<void> => {
  const dir = path.resolve(given);
  const { config } = await loadConfig(dir);
  const progress = startProgress(options);
  try {
    progress.say("bundling");
    const bundle = await bundleProject({ dir, config });
    const total = Buffer.byteLength(bundle.code);
    const { inputs, packages } = sharesOf(bundle.sizes);
    progress.say(`importing ${countOf(bundle.taskFiles.length, "task file")}`);
    const imports = options.imports ? await measureImports(dir, bundle.taskFiles, config) : [];
    progress.end();
    if (options.json) return printJson({ sizeBytes: total, packages, inputs, imports });
    print(
      `The bundle has ${kib(total)} from ${countOf(inputs.length, "file")}; tasks are defined in ${bundle.taskFiles.length}.\n`,
    );
    printShares("PACKAGE", packages, total, options.top);
    printShares("FILE", inputs, total, options.top);
    if (imports.length > 0) printImports(imports);
  } finally {
    progress.end();
  }
};

/** `longshore analyze`. */
export const addAnalyzeCommand = (program: Command): void => {
  withCommon(program.command("analyze"))
    .description("what the bundle is made of, and how long each task file takes to import")
    .argument("[dir]", "project folder", ".")
    .option("--top <count>", "how many of each to show", parseCount, 10)
    .option("--no-imports", "do not import anything")
    .action((dir: string, options: Options) => runAction(options, () => analyze(dir, options)));
};
