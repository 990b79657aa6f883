import { defaultMachine } from "@longshore/shared/contract/machines";
import type { BundleManifest, ManifestQueue, ManifestTask } from "@longshore/shared/contract/manifest";
import { defaultRetryPolicy } from "@longshore/shared/core/back-off";
import { parseDurationMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import type { LimitRow, QueueRow, TaskRow } from "../db/transitions/deployments.ts";
import { cronFault, isTimezone } from "../domain/cron.ts";
import { parseWindow } from "../domain/schedule-plan.ts";

/** Longest time to live that a task gets. Units: milliseconds (ten years). */
const ttlMsMax = 315_360_000_000;

const ttlMsOf = (ttl: string | number | undefined): number | null => {
  if (ttl === undefined) return null;
  const ttlMs = typeof ttl === "number" ? ttl * 1_000 : parseDurationMs(ttl);
  // Nothing is no time to live, as in a trigger's options: it takes away what the project sets for all.
  return ttlMs === null || ttlMs === 0 ? null : Math.min(ttlMs, ttlMsMax);
};

/** The limit that a task declares for itself alone. */
const inlineLimitName = (taskId: string): string => `task/${taskId}`;

const limitNamesOf = (task: ManifestTask): string[] => [
  ...(task.concurrency?.inline === undefined ? [] : [inlineLimitName(task.id)]),
  ...new Set(task.concurrency?.limits ?? []),
];

const toTask = (task: ManifestTask, queueName: string): TaskRow => ({
  slug: task.id,
  filePath: task.filePath,
  exportName: task.exportName ?? null,
  description: task.description ?? null,
  queueName,
  retry: { ...defaultRetryPolicy, ...task.retry },
  machine: task.machine ?? defaultMachine,
  labels: task.labels !== undefined && Object.keys(task.labels).length > 0 ? task.labels : null,
  maxDurationS: task.maxDuration ?? null,
  ttlMs: ttlMsOf(task.ttl),
  payloadSchema: task.payloadSchema ?? null,
  limitNames: limitNamesOf(task),
  schedule: task.schedule ?? null,
  finaliser: task.finaliser ?? null,
});

const toLimit = (
  name: string,
  shape: { perKey?: number | undefined; total?: number | undefined },
): LimitRow => ({
  id: newId("concurrencyLimit"),
  name,
  perKey: shape.perKey ?? null,
  total: shape.total ?? null,
});

/** The tasks, queues and limits of a manifest with every default filled in. A task without a queue has one of its own. */
export const resolveManifest = (
  manifest: BundleManifest,
): { tasks: TaskRow[]; queues: QueueRow[]; limits: LimitRow[] } => {
  const queues = new Map<string, QueueRow>();
  const declare = (name: string, type: QueueRow["type"], queue: Partial<ManifestQueue>): void => {
    const known = queues.get(name);
    queues.set(name, {
      id: known?.id ?? newId("queue"),
      laneId: known?.laneId ?? newId("lane"),
      name,
      type,
      concurrencyLimit: queue.concurrencyLimit ?? known?.concurrencyLimit ?? null,
      policy: queue.policy ?? known?.policy ?? "queue",
    });
  };
  for (const queue of manifest.queues ?? []) declare(queue.name, "custom", queue);
  const tasks = manifest.tasks.map((task): TaskRow => {
    const queueName = task.queue?.name ?? `task/${task.id}`;
    declare(queueName, task.queue === undefined ? "task" : "custom", task.queue ?? {});
    return toTask(task, queueName);
  });
  const inline = manifest.tasks.flatMap(({ id, concurrency }) =>
    concurrency?.inline === undefined ? [] : [toLimit(inlineLimitName(id), concurrency.inline)],
  );
  const named = (manifest.limits ?? []).map((limit) => toLimit(limit.name, limit));
  return { tasks, queues: [...queues.values()], limits: [...inline, ...named] };
};

const firstTwice = (names: readonly string[]): string | undefined => {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
};

const refuse = (message: string): never => {
  throw new AppError("unprocessable", message);
};

const checkSchedule = ({ id, schedule }: ManifestTask): void => {
  if (schedule === undefined) return;
  const fault = cronFault(schedule.cron);
  if (fault !== null) refuse(`Task "${id}": schedule.cron "${schedule.cron}" ${fault}.`);
  if (!isTimezone(schedule.timezone))
    refuse(`Task "${id}": schedule.timezone "${schedule.timezone}" is no IANA time zone.`);
  if (schedule.window !== undefined && parseWindow(schedule.window) === null)
    refuse(
      `Task "${id}": schedule.window "${schedule.window}" is neither a time such as 30m or 2h nor a share such as 30%.`,
    );
};

/** A finaliser of a finaliser could go on for ever. */
const checkFinaliser = ({ id, finaliser }: ManifestTask, tasks: readonly ManifestTask[]): void => {
  if (finaliser === undefined) return;
  const found = tasks.find((task) => task.id === finaliser);
  if (found === undefined)
    refuse(`Task "${id}" names the finaliser "${finaliser}", which the deployment does not have.`);
  if (found?.finaliser !== undefined)
    refuse(`Task "${id}" names the finaliser "${finaliser}", which names a finaliser itself.`);
};

/** Errors: `unprocessable` for what a schema cannot see: two things of one name, an unknown limit, an impossible schedule. */
export const checkManifest = (manifest: BundleManifest): void => {
  const task = firstTwice(manifest.tasks.map(({ id }) => id));
  if (task !== undefined) refuse(`Two tasks have the id "${task}".`);
  const declared = (manifest.limits ?? []).map(({ name }) => name);
  const limit = firstTwice(declared);
  if (limit !== undefined) refuse(`Two limits have the name "${limit}".`);
  const known = new Set(declared);
  for (const each of manifest.tasks) {
    const unknown = each.concurrency?.limits?.find((name) => !known.has(name));
    if (unknown !== undefined)
      refuse(`Task "${each.id}" names the limit "${unknown}", which the deployment does not declare.`);
    checkSchedule(each);
    checkFinaliser(each, manifest.tasks);
  }
};
