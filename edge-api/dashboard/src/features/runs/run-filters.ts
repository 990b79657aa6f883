import type { ListRunsQuery } from "@longshore/sdk";
import { type RunStatus, runStatuses } from "@longshore/shared/contract/run-status";
import { parseDurationMs } from "@longshore/shared/core/durations";

const names = ["status", "task", "tag", "period", "after", "before"] as const;

/** The runs page's part of the URL; lists are joined by commas. */
export type RunsSearch = { [Name in (typeof names)[number]]?: string };

export const periods = [
  { value: "", label: "Any time" },
  { value: "5m", label: "Last 5 minutes" },
  { value: "1h", label: "Last hour" },
  { value: "1d", label: "Last day" },
  { value: "7d", label: "Last 7 days" },
  { value: "30d", label: "Last 30 days" },
] as const;

/** Rows of a page. */
export const runsPageSize = 50;

const words = (text: string | undefined): string[] => text?.split(",").filter((word) => word !== "") ?? [];
const isStatus = (word: string): word is RunStatus => (runStatuses as readonly string[]).includes(word);

/** Reads the URL; what nobody could have meant is left out, so that it is never sent. */
export const readRunsSearch = (search: Record<string, unknown>): RunsSearch => {
  const read: RunsSearch = {};
  for (const name of names) {
    const value = search[name];
    if (typeof value === "string" && value !== "") read[name] = value;
  }
  const statuses = words(read.status).filter(isStatus);
  if (statuses.length > 0) read.status = statuses.join(",");
  else delete read.status;
  if (read.period !== undefined && parseDurationMs(read.period) === null) delete read.period;
  return read;
};

export const statusesOf = (search: RunsSearch): RunStatus[] => words(search.status).filter(isStatus);
export const tasksOf = (search: RunsSearch): string[] => words(search.task);

/** Whether anything but the page is chosen. */
export const isFiltered = ({ status, task, tag, period }: RunsSearch): boolean =>
  [status, task, tag, period].some((value) => value !== undefined);

/** The same filters as the API takes them. */
export const toListQuery = (search: RunsSearch): ListRunsQuery => {
  const status = statusesOf(search);
  const taskIdentifier = tasksOf(search);
  return {
    limit: runsPageSize,
    ...(status.length > 0 ? { status } : {}),
    ...(taskIdentifier.length > 0 ? { taskIdentifier } : {}),
    ...(search.tag ? { tag: words(search.tag) } : {}),
    ...(search.period ? { period: search.period } : {}),
    ...(search.after ? { after: search.after } : {}),
    ...(search.before ? { before: search.before } : {}),
  };
};
