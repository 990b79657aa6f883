import type { TaskList } from "@longshore/shared/contract/dashboard";
import { machinePresets } from "@longshore/shared/contract/machines";
import { formatDuration } from "../../lib/format.ts";

export type TaskItem = TaskList["data"][number];

/** The queue it runs in, and how many at once. */
export const describeQueue = (task: TaskItem): { name: string; limit: string | null } => {
  const limit = task.queue?.concurrencyLimit;
  return {
    name: task.queue?.name ?? "own queue",
    limit: limit === null || limit === undefined ? null : `${limit} at once`,
  };
};

export const describeRetry = ({ retry }: TaskItem): string => {
  if (retry?.maxAttempts === undefined) return "default";
  return retry.maxAttempts === 1 ? "never" : `${retry.maxAttempts} attempts`;
};

export const describeMachine = ({ machine }: TaskItem): { name: string; size: string | null } => {
  if (!machine) return { name: "default", size: null };
  const { cpu, memoryGb } = machinePresets[machine];
  return { name: machine, size: `${cpu} vCPU, ${memoryGb} GB` };
};

/** Units: `maxDuration` in seconds. */
export const describeMaxDuration = ({ maxDuration }: TaskItem): string =>
  maxDuration ? formatDuration(maxDuration * 1_000) : "unlimited";
