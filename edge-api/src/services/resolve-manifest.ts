import { defaultMachine } from "@longshore/shared/contract/machines";
import type { BundleManifest } from "@longshore/shared/contract/manifest";
import { defaultRetryPolicy } from "@longshore/shared/core/back-off";
import { parseDurationMs } from "@longshore/shared/core/durations";
import { newId } from "@longshore/shared/core/ids";
import type { QueueRow, TaskRow } from "../db/transitions/deployments.ts";

/** Longest time to live that a task gets. Units: milliseconds (ten years). */
const ttlMsMax = 315_360_000_000;

const ttlMsOf = (ttl: string | number | undefined): number | null => {
  if (ttl === undefined) return null;
  const ttlMs = typeof ttl === "number" ? ttl * 1_000 : parseDurationMs(ttl);
  return ttlMs === null ? null : Math.min(ttlMs, ttlMsMax);
};

/** The tasks and queues of a manifest with every default filled in. A task without a queue has one of its own. */
export const resolveManifest = (manifest: BundleManifest): { tasks: TaskRow[]; queues: QueueRow[] } => {
  const queues = new Map<string, QueueRow>();
  const tasks = manifest.tasks.map((task): TaskRow => {
    const queueName = task.queue?.name ?? `task/${task.id}`;
    const known = queues.get(queueName);
    queues.set(queueName, {
      id: known?.id ?? newId("queue"),
      laneId: known?.laneId ?? newId("lane"),
      name: queueName,
      type: task.queue === undefined ? "task" : "custom",
      concurrencyLimit: task.queue?.concurrencyLimit ?? known?.concurrencyLimit ?? null,
    });
    return {
      slug: task.id,
      filePath: task.filePath,
      exportName: task.exportName ?? null,
      description: task.description ?? null,
      queueName,
      retry: { ...defaultRetryPolicy, ...task.retry },
      machine: task.machine ?? defaultMachine,
      maxDurationS: task.maxDuration ?? null,
      ttlMs: ttlMsOf(task.ttl),
      payloadSchema: task.payloadSchema ?? null,
    };
  });
  return { tasks, queues: [...queues.values()] };
};
