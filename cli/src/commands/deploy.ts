import type { Command } from "commander";
import { buildProject } from "../bundle/build-project.ts";
import { CliError } from "../cli-error.ts";
import { deployProject } from "../deploy/deploy.ts";
import { readSigningKey } from "../deploy/sign-deployment.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { startProgress } from "../terminal/progress.ts";
import { style } from "../terminal/style.ts";
import { type ConnectionOptions, getConnection, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = ConnectionOptions & {
  dryRun?: boolean;
  skipPromotion?: boolean;
  externalId?: string;
  signKey?: string;
  signEnv?: string;
};

const dryRun = async (dir: string, json: boolean | undefined): Promise<void> => {
  const { manifest, archive, warnings } = await buildProject(dir);
  for (const warning of warnings) printNote(warning);
  if (json)
    return printJson({ dryRun: true, bundleHash: archive.hash, sizeBytes: archive.bytes.length, manifest });
  print(`${manifest.tasks.length} tasks, ${Math.ceil(archive.bytes.length / 1024)} KiB, ${archive.hash}`);
  for (const task of manifest.tasks) print(`  ${task.id}  ${style("dim", task.filePath)}`);
  print("Dry run: nothing was uploaded.");
};

const readSigning = async ({ signKey, signEnv }: Options) => {
  const given = signKey ?? (process.env.LONGSHORE_SIGNING_KEY || undefined);
  if (given === undefined) {
    if (signEnv === undefined) return undefined;
    throw new CliError("--sign-env without a key signs nothing", {
      next: "add --sign-key <file>",
      exitCode: 2,
    });
  }
  const names = signEnv?.split(",").map((name) => name.trim());
  return { key: await readSigningKey(given), envNames: names?.filter((name) => name !== "") ?? null };
};

const deploy = async (dir: string, options: Options): Promise<void> => {
  if (options.dryRun) return dryRun(dir, options.json);
  const needs = { dir, defaultEnv: "prod", ignoresDev: true, makesBranch: true };
  const { place: _, ...connection } = await getConnection(options, needs);
  const signing = await readSigning(options);
  const progress = startProgress(options);
  const deployed = await deployProject({
    dir,
    ...connection,
    ...(signing === undefined ? {} : { signing }),
    ...(options.skipPromotion ? { skipPromotion: true } : {}),
    ...(options.externalId === undefined ? {} : { externalId: options.externalId }),
    onStep: (step, detail) => progress.say(`${style("dim", step.padEnd(9))} ${detail}`),
  }).finally(() => progress.end());
  for (const warning of deployed.warnings) printNote(warning);
  if (options.json) return printJson(deployed);
  const state = deployed.promoted ? "is current" : "is deployed but not current";
  print(
    `${style("green", "✓")} Version ${style("bold", deployed.version)} ${state}: ${deployed.tasks.join(", ")}`,
  );
};

/** `longshore deploy`. */
export const addDeployCommand = (program: Command): void => {
  withConnection(program.command("deploy"))
    .description("build the project and make it the current version")
    .argument("[dir]", "project folder", ".")
    .option("--dry-run", "build and index only")
    .option("--skip-promotion", "deploy without making the version current")
    .option("--external-id <id>", "your own name for this deployment, such as a commit")
    .option(
      "--sign-key <file>",
      "sign it with this key (or LONGSHORE_SIGNING_KEY, the file or the key itself)",
    )
    .option("--sign-env <names>", "sign that its runs get these variables and no others, comma between")
    .action((dir: string, options: Options) => runAction(options, () => deploy(dir, options)));
};
