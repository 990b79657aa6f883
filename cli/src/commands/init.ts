import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { findConfigFile } from "../bundle/load-config.ts";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { type DetectedProject, detectProject } from "../init/detect-project.ts";
import { configText, exampleText, nextSteps, scripts } from "../init/templates.ts";
import { listProjects } from "../profiles/enter-place.ts";
import { findLogin } from "../profiles/find-login.ts";
import { askChoice, askYes, canAsk } from "../terminal/ask.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { style } from "../terminal/style.ts";
import { type CommonOptions, withLogin } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = CommonOptions & {
  profile?: string;
  apiUrl?: string;
  project?: string;
  scripts?: boolean;
  javascript?: boolean;
  yes?: boolean;
};

/** What became of each file: nothing that is there is written over. */
type Outcome = { file: string; did: "written" | "kept" | "changed" };

const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/^@[^/]+\//, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "") || "my-project";

/** A project of the login when there is one; else a name of its own, which `dev` needs no more than. */
const chooseProject = async (dir: string, detected: DetectedProject, options: Options): Promise<string> => {
  if (options.project) return options.project;
  const fallback = slugOf(detected.manifest?.name ?? path.basename(dir));
  const login = await findLogin(options).catch(() => null);
  if (login === null) return fallback;
  const projects = await listProjects(login).catch((error: unknown) => {
    printNote(`the login was not asked for its projects: ${error instanceof Error ? error.message : error}`);
    return [];
  });
  const [first] = projects;
  if (projects.length === 1 && first !== undefined) return first.externalRef;
  if (projects.length < 2 || !canAsk(options)) return fallback;
  return askChoice(options, {
    message: "Which project is this?",
    flag: "--project",
    choices: projects.map(({ externalRef, name }) => ({
      value: externalRef,
      label: `${name} (${externalRef})`,
    })),
  });
};

const writeNew = async (dir: string, file: string, text: string): Promise<Outcome> => {
  const target = path.join(dir, file);
  await mkdir(path.dirname(target), { recursive: true });
  const did = await writeFile(target, text, { flag: "wx" }).then(
    () => "written" as const,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return "kept" as const;
      throw new CliError(`${target} cannot be written (${error.code})`, { cause: error });
    },
  );
  return { file, did };
};

const ignoreData = async (dir: string): Promise<Outcome> => {
  const file = ".gitignore";
  const target = path.join(dir, file);
  const text = await readFile(target, "utf8").catch(() => "");
  if (/^\/?\.longshore\/?\s*$/m.test(text)) return { file, did: "kept" };
  const start = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  await writeFile(target, `${start}.longshore/\n`);
  return { file, did: text === "" ? "written" : "changed" };
};

const addScripts = async (
  dir: string,
  { manifest }: DetectedProject,
  options: Options,
): Promise<Outcome[]> => {
  const missing = Object.entries(scripts).filter(([name]) => manifest?.scripts?.[name] === undefined);
  if (manifest === null || missing.length === 0) return [];
  const names = missing.map(([name]) => name).join(" and ");
  if (!(options.scripts ?? (await askYes(options, `Add the scripts ${names} to package.json?`, false))))
    return [];
  const file = path.join(dir, "package.json");
  const text = await readFile(file, "utf8");
  const indent = /^[{\s]*?\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
  const parsed = JSON.parse(text) as Record<string, unknown>;
  parsed.scripts = { ...manifest.scripts, ...Object.fromEntries(missing) };
  await writeFile(file, `${JSON.stringify(parsed, null, indent)}\n`);
  return [{ file: "package.json", did: "changed" }];
};

const isFolder = (dir: string): Promise<boolean> =>
  stat(dir).then(
    (found) => found.isDirectory(),
    () => false,
  );

const init = async (given: string, options: Options): Promise<void> => {
  const dir = path.resolve(given);
  if (!(await isFolder(dir))) {
    throw new CliError(`there is no folder ${dir}`, {
      next: "make it, or name another one",
      exitCode: exitCodes.badUsage,
    });
  }
  const detected = await detectProject(dir);
  const isTypeScript = detected.isTypeScript && !options.javascript;
  const taskDir = detected.hasSrc || detected.manifest === null ? "src/trigger" : "trigger";
  const extension = isTypeScript ? "ts" : "js";
  const exampleFile = `${taskDir}/example.${extension}`;
  const existing = await findConfigFile(dir);
  const config: Outcome =
    existing === null
      ? await writeNew(
          dir,
          `longshore.config.${isTypeScript ? "ts" : "mjs"}`,
          configText(await chooseProject(dir, detected, options), [taskDir]),
        )
      : { file: path.basename(existing), did: "kept" };
  const outcomes = [
    config,
    // A project with a configuration has its tasks somewhere.
    ...(existing === null ? [await writeNew(dir, exampleFile, exampleText(isTypeScript))] : []),
    await ignoreData(dir),
    ...(await addScripts(dir, detected, options)),
  ];
  const { framework, packageManager } = detected;
  const steps = nextSteps(detected, exampleFile);
  if (options.json)
    return printJson({ framework, packageManager, isTypeScript, files: outcomes, next: steps });
  print(
    `Found ${framework === "plain" ? "a project" : framework} with ${packageManager}, ${isTypeScript ? "TypeScript" : "JavaScript"}`,
  );
  for (const { file, did } of outcomes)
    print(`${style(did === "kept" ? "dim" : "green", did.padEnd(7))}  ${file}`);
  print();
  print("Next:");
  for (const step of steps) print(`  ${step}`);
};

/** `longshore init`. */
export const addInitCommand = (program: Command): void => {
  withLogin(program.command("init"))
    .description("write a configuration and an example task; nothing that is there is written over")
    .argument("[dir]", "project folder", ".")
    .option("--project <ref>", "project to name in the configuration")
    .option("--scripts", "add scripts to package.json")
    .option("--javascript", "write JavaScript")
    .option("-y, --yes", "do not ask; say yes to everything")
    .action((dir: string, options: Options) => runAction(options, () => init(dir, options)));
};
