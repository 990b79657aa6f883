import type { Command } from "commander";
import { type BuildOptions, buildProject } from "../bundle/build-project.ts";
import { ownTasks } from "../bundle/own-tasks.ts";
import { CliError } from "../cli-error.ts";
import { buildImage, defaultBase, refuseSystem } from "../deploy/build-image.ts";
import { deployProject } from "../deploy/deploy.ts";
import { detectBranch } from "../deploy/detect-branch.ts";
import { readSigningKey } from "../deploy/sign-deployment.ts";
import { countOf } from "../terminal/count-of.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { startProgress } from "../terminal/progress.ts";
import { style } from "../terminal/style.ts";
import { branchOf, type ConnectionOptions, getConnection, placeOf, withConnection } from "./connection.ts";
import { nameOfPlace, parseEnvironment } from "./place-names.ts";
import { runAction } from "./run-action.ts";

type Options = ConnectionOptions & {
  dryRun?: boolean;
  skipPromotion?: boolean;
  externalId?: string;
  signKey?: string;
  signEnv?: string;
  platform?: string;
  image?: string | true;
  imageBase?: string;
  push?: boolean;
  /** False with `--no-sync-env-vars`. */
  syncEnvVars?: boolean;
};

const buildOptionsOf = (options: Options): BuildOptions => {
  const { platform, image, imageBase, push } = options;
  if (push && typeof image !== "string") {
    throw new CliError("--push needs a name for the image", { next: "add --image <name>", exitCode: 2 });
  }
  const base = imageBase ?? (process.env.LONGSHORE_RUNNER_IMAGE || defaultBase);
  const name = typeof image === "string" ? image : undefined;
  const say = (line: string) => printNote(`${style("dim", "image".padEnd(9))} ${line}`);
  return {
    platform,
    environment: options.env,
    branch: options.branch,
    ...(image === undefined
      ? {}
      : { makeImage: (layers) => buildImage(layers, { base, name, push: push ?? false, platform, say }) }),
  };
};

const dryRun = async (dir: string, options: Options): Promise<void> => {
  const { json, platform, env: environment, branch } = options;
  const built = await buildProject(dir, { platform, environment, branch });
  const { manifest, archive, layers, system, warnings } = built;
  const tasks = ownTasks(manifest);
  if (options.image === undefined) refuseSystem(system);
  for (const warning of warnings) printNote(warning);
  if (json)
    return printJson({ dryRun: true, bundleHash: archive.hash, sizeBytes: archive.bytes.length, manifest });
  print(`${countOf(tasks.length, "task")}, ${Math.ceil(archive.bytes.length / 1024)} KiB, ${archive.hash}`);
  for (const { bytes, hash } of layers) print(`packages, ${Math.ceil(bytes.length / 1024)} KiB, ${hash}`);
  for (const task of tasks) print(`  ${task.id}  ${style("dim", task.filePath)}`);
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

/** A deployment to preview is of the branch that is checked out, unless one is named. */
const onBranch = async (dir: string, options: Options): Promise<Options> => {
  if (options.env === undefined || parseEnvironment(options.env) !== "preview") return options;
  const named = branchOf(options);
  if (named !== null) return { ...options, branch: named };
  const { name, from } = await detectBranch(dir);
  printNote(`branch ${name} of preview (from ${from}; --branch names another)`);
  return { ...options, branch: name };
};

const deploy = async (dir: string, given: Options): Promise<void> => {
  const options = await onBranch(dir, given);
  if (options.dryRun) return dryRun(dir, options);
  const needs = { dir, defaultEnv: "prod", ignoresDev: true, makesBranch: true };
  const connected = await getConnection(options, needs);
  const { place: _place, environment: _environment, ...connection } = connected;
  // Asked before: where it went must not be a guess, nor a reason to fail once it is there.
  const { project, slug, branch } = await placeOf(connected);
  const signing = await readSigning(options);
  const progress = startProgress(options);
  const deployed = await deployProject({
    dir,
    ...connection,
    build: buildOptionsOf(options),
    ...(options.syncEnvVars === false ? { skipSyncEnvVars: true } : {}),
    ...(signing === undefined ? {} : { signing }),
    ...(options.skipPromotion ? { skipPromotion: true } : {}),
    ...(options.externalId === undefined ? {} : { externalId: options.externalId }),
    onStep: (step, detail) => progress.say(`${style("dim", step.padEnd(9))} ${detail}`),
  }).finally(() => progress.end());
  for (const warning of deployed.warnings) printNote(warning);
  if (options.json) return printJson({ ...deployed, project, environment: slug, branch });
  const where = `in ${nameOfPlace({ slug, branch })} of ${project}`;
  const state = deployed.promoted ? `is current ${where}` : `is deployed ${where}, but not current`;
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
    .option(
      "--platform <os/cpu>",
      "what the agents run on: linux/amd64 or linux/arm64 (this machine's processor)",
    )
    .option("--image [name]", "build an image with the system packages that extensions ask for")
    .option("--image-base <image>", `what the image is made of (LONGSHORE_RUNNER_IMAGE, or ${defaultBase})`)
    .option("--push", "push the image, for agents on other hosts")
    .option("--no-sync-env-vars", "leave the environment's variables as they are")
    .option("--external-id <id>", "your own name for this deployment, such as a commit")
    .option(
      "--sign-key <file>",
      "sign it with this key (or LONGSHORE_SIGNING_KEY, the file or the key itself)",
    )
    .option("--sign-env <names>", "sign that its runs get these variables and no others, comma between")
    .action((dir: string, options: Options) => runAction(options, () => deploy(dir, options)));
};
