import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sdkVersion } from "@longshore/sdk/version";
import {
  BundleManifest,
  ManifestLimit,
  ManifestQueue,
  ManifestTask,
} from "@longshore/shared/contract/manifest";
import type { z } from "zod";
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
  const bundled = frames.find((frame) => !frame.file.startsWith(".."));
  return problemAt(`${answer.name}: ${answer.message}`, own ?? bundled);
};

const locate = (registration: Registration, dir: string, bundle: Bundle): Located => {
  const frames = framesOf(registration.stack, dir);
  const inTaskFile = frames.find((frame) => bundle.taskFiles.includes(frame.file));
  const place = inTaskFile ?? frames.find((frame) => bundle.inputs.includes(frame.file));
  return { ...registration, id: String(registration.settings.id ?? registration.settings.name), place };
};

const placeText = ({ place }: Located): string => (place ? `${place.file}:${place.line}` : "unknown");

const groupById = (all: Located[]): Map<string, Located[]> => {
  const groups = new Map<string, Located[]>();
  for (const one of all) groups.set(one.id, [...(groups.get(one.id) ?? []), one]);
  return groups;
};

const duplicateProblems = (tasks: Located[]): Problem[] =>
  [...groupById(tasks)]
    .filter(([, same]) => same.length > 1)
    .map(([id, same]) => ({
      text: `the task id "${id}" is defined ${same.length} times: ${same.map(placeText).join(" and ")}`,
    }));

const issueText = (error: z.ZodError): string => {
  const [issue] = error.issues;
  const where = issue?.path.join(".") ?? "";
  return [where, issue?.message ?? "is not valid"].filter(Boolean).join(": ");
};

/** What is declared by name, each name once: it may be said in several places, but not in several ways. */
const declaredOnce = <T>(
  kind: string,
  declared: Located[],
  schema: z.ZodType<T>,
): { made: T[]; problems: Problem[] } => {
  const problems: Problem[] = [];
  const made: T[] = [];
  for (const [name, same] of groupById(declared)) {
    const ways = new Set(same.map(({ settings }) => JSON.stringify(Object.entries(settings).sort())));
    if (ways.size > 1) {
      const places = same.map(placeText).join(" and ");
      problems.push({ text: `the ${kind} "${name}" is declared with different bounds: ${places}` });
    }
    const parsed = schema.safeParse(same[0]?.settings);
    if (parsed.success) made.push(parsed.data);
    else problems.push(problemAt(`${kind} "${name}": ${issueText(parsed.error)}`, same[0]?.place));
  }
  return { made, problems };
};

/** Limits that a task names as text and nobody declares. */
const unknownLimits = (tasks: Located[], limits: ManifestLimit[]): Problem[] => {
  const known = new Set(limits.map(({ name }) => name));
  return tasks.flatMap((task) => {
    const { limits: named = [] } = (task.settings.concurrency ?? {}) as { limits?: string[] };
    const unknown = named.find((name) => !known.has(name));
    if (unknown === undefined) return [];
    const text = `task "${task.id}": concurrency names the limit "${unknown}", which no concurrencyLimit({ name: "${unknown}" }) declares`;
    return [problemAt(text, task.place)];
  });
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
  return problemAt(`task "${task.id}": ${issueText(parsed.error)}`, task.place);
};

/** Everything that was registered, with its place. */
type Declared = { tasks: Located[]; limits: Located[]; queues: Located[] };

const manifestFrom = (declared: Declared, config: ProjectConfig): BundleManifest => {
  const { tasks } = declared;
  const defaults = defaultsOf(config);
  const made = tasks.map((task) => toManifestTask(task, defaults));
  const limits = declaredOnce("concurrency limit", declared.limits, ManifestLimit);
  const queues = declaredOnce("queue", declared.queues, ManifestQueue);
  const problems = [
    ...duplicateProblems(tasks),
    ...limits.problems,
    ...queues.problems,
    ...unknownLimits(tasks, limits.made),
    ...made.filter((one): one is Problem => "text" in one),
  ];
  if (problems.length > 0) throw new BundleError(problems);
  return BundleManifest.parse({
    format: 1,
    entry: bundleEntry,
    runtime: "node",
    runtimeVersion: process.versions.node,
    sdkVersion,
    cliVersion,
    tasks: made,
    ...(queues.made.length > 0 ? { queues: queues.made } : {}),
    ...(limits.made.length > 0 ? { limits: limits.made } : {}),
    ...keepAliveOf(config),
  });
};

/** What the bundle does not contain is found where the project has it. */
const linkExternals = async (bundle: Bundle, dir: string): Promise<void> => {
  for (const [name, from] of bundle.externals) {
    if (from === null) continue;
    const link = path.join(dir, "node_modules", ...name.split("/"));
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(from, link, "junction");
  }
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
    await linkExternals(bundle, dir);
    const { answer, output } = await runIndexChild(entry, options.timeoutMs ?? timeoutMs, options.tools);
    if (!answer.ok) throw new BundleError([importProblem(answer, dir, bundle)]);
    const place = (registration: Registration) => locate(registration, dir, bundle);
    const tasks = answer.registrations.map(place);
    const declared = { tasks, limits: answer.limits.map(place), queues: answer.queues.map(place) };
    if (tasks.length === 0) {
      throw new BundleError([{ text: `no task({ id, run }) in ${bundle.taskFiles.join(", ")}` }]);
    }
    return { manifest: manifestFrom(declared, config), output };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};
