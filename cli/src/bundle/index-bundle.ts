import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sdkVersion } from "@longshore/sdk/version";
import { BundleManifest, ManifestTask } from "@longshore/shared/contract/manifest";
import { cliVersion } from "../version.ts";
import type { BuildTools } from "./build-tools.ts";
import { BundleError, type Problem } from "./bundle-error.ts";
import { type Bundle, bundleEntry } from "./bundle-project.ts";
import type { ProjectConfig } from "./load-config.ts";
import { type IndexAnswer, runIndexChild } from "./run-index-child.ts";
import { type Frame, framesOf } from "./stack-frames.ts";

const timeoutMs = 30_000;

type Registration = Extract<IndexAnswer, { ok: true }>["registrations"][number];
type Located = Registration & { id: string; place: Frame | undefined };

const problemAt = (text: string, frame: Frame | undefined): Problem =>
  frame ? { text, file: frame.file, line: frame.line, column: frame.column - 1 } : { text };

const importProblem = (answer: Extract<IndexAnswer, { ok: false }>, dir: string, bundle: Bundle): Problem => {
  const frames = framesOf(answer.stack, dir);
  const own = frames.find((frame) => bundle.inputs.includes(frame.file));
  return problemAt(`${answer.name}: ${answer.message}`, own ?? frames[0]);
};

const locate = (registration: Registration, dir: string, bundle: Bundle): Located => {
  const frames = framesOf(registration.stack, dir);
  const inTaskFile = frames.find((frame) => bundle.taskFiles.includes(frame.file));
  const place = inTaskFile ?? frames.find((frame) => bundle.inputs.includes(frame.file));
  return { ...registration, id: String(registration.settings.id), place };
};

const placeText = (task: Located): string =>
  task.place ? `${task.place.file}:${task.place.line}` : "unknown";

const duplicateProblems = (tasks: Located[]): Problem[] => {
  return [...groupById(tasks)]
    .filter(([, same]) => same.length > 1)
    .map(([id, same]) => ({
      text: `the task id "${id}" is defined ${same.length} times: ${same.map(placeText).join(" and ")}`,
    }));
};

const groupById = (tasks: Located[]): Map<string, Located[]> => {
  const groups = new Map<string, Located[]>();
  for (const task of tasks) groups.set(task.id, [...(groups.get(task.id) ?? []), task]);
  return groups;
};

/** What the project's configuration says for every task that does not say it itself. */
const defaultsOf = ({ machine, maxDuration, ttl, retries }: ProjectConfig): Record<string, unknown> => ({
  ...(machine === undefined ? {} : { machine }),
  ...(maxDuration === undefined ? {} : { maxDuration }),
  ...(ttl === undefined ? {} : { ttl }),
  ...(retries?.default === undefined ? {} : { retry: retries.default }),
});

/** How many runs a kept process serves when the project does not say. */
const keptExecutionsMax = 50;

const keepAliveOf = ({ processKeepAlive: wish }: ProjectConfig): Pick<BundleManifest, "processKeepAlive"> => {
  if (!wish || (wish !== true && !wish.enabled)) return {};
  const most = wish === true ? undefined : wish.maxExecutionsPerProcess;
  return { processKeepAlive: { maxExecutions: most ?? keptExecutionsMax } };
};

const toManifestTask = (task: Located, defaults: Record<string, unknown>): ManifestTask | Problem => {
  const parsed = ManifestTask.safeParse({
    ...defaults,
    ...task.settings,
    filePath: task.place?.file ?? "unknown",
    ...(task.exportName === undefined ? {} : { exportName: task.exportName }),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return problemAt(`task "${task.id}": ${issue?.path.join(".")}: ${issue?.message}`, task.place);
};

const manifestFrom = (tasks: Located[], config: ProjectConfig): BundleManifest => {
  const defaults = defaultsOf(config);
  const made = tasks.map((task) => toManifestTask(task, defaults));
  const problems = [...duplicateProblems(tasks), ...made.filter((one): one is Problem => "text" in one)];
  if (problems.length > 0) throw new BundleError(problems);
  return BundleManifest.parse({
    format: 1,
    entry: bundleEntry,
    runtime: "node",
    runtimeVersion: process.versions.node,
    sdkVersion,
    cliVersion,
    tasks: made,
    ...keepAliveOf(config),
  });
};

/**
 * Imports the bundle in a process of its own, without network or platform, and answers the manifest of what it registers.
 *
 * Errors: BundleError with the user's file and line when the import throws, two tasks share an id, or a task's settings
 * are not what the contract allows.
 */
export const indexBundle = async (
  bundle: Bundle,
  config: ProjectConfig,
  options: { timeoutMs?: number; tools?: BuildTools } = {},
): Promise<{ manifest: BundleManifest; output: string }> => {
  const dir = await realpath(await mkdtemp(path.join(tmpdir(), "longshore-index-")));
  try {
    const entry = path.join(dir, bundleEntry);
    await writeFile(entry, bundle.code);
    await writeFile(`${entry}.map`, bundle.sourcemap);
    const { answer, output } = await runIndexChild(entry, options.timeoutMs ?? timeoutMs, options.tools);
    if (!answer.ok) throw new BundleError([importProblem(answer, dir, bundle)]);
    const tasks = answer.registrations.map((registration) => locate(registration, dir, bundle));
    if (tasks.length === 0) {
      throw new BundleError([{ text: `no task({ id, run }) in ${bundle.taskFiles.join(", ")}` }]);
    }
    return { manifest: manifestFrom(tasks, config), output };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};
