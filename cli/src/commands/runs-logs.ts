import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@longshore/sdk";
import { type LogLine, logLevels } from "@longshore/shared/contract/runs";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatLogLine } from "../terminal/format-log-line.ts";
import { print, printJson, printJsonLine } from "../terminal/output.ts";
import type { ConnectionOptions } from "./connection.ts";

export type LogsOptions = ConnectionOptions & { follow?: boolean; level?: string };

const levels: readonly string[] = logLevels;
/** Units: milliseconds; lines in one answer. */
const lookMs = 500;
const pageSize = 1_000;
/** A run's last lines may arrive after its end: it is asked this often more. */
const looksAfterEnd = 3;

/** Errors: `CliError` (bad usage) for a level that there is not. */
const levelFilter = (level: string | undefined): ((line: LogLine) => boolean) => {
  if (level === undefined) return () => true;
  const least = levels.indexOf(level);
  if (least === -1) {
    throw new CliError(`unknown level "${level}"`, {
      next: "use debug, info, warn or error",
      exitCode: exitCodes.badUsage,
    });
  }
  return (line) => levels.indexOf(line.level) >= least;
};

/** Every line that there is now, behind `after`. */
const readLines = async (client: Client, id: string, after: string | undefined) => {
  const all: LogLine[] = [];
  let cursor = after;
  for (;;) {
    const { lines, next } = await client.runs.logs(id, {
      limit: pageSize,
      ...(cursor === undefined ? {} : { after: cursor }),
    });
    all.push(...lines);
    cursor = next;
    if (lines.length < pageSize) return { lines: all, next: cursor };
  }
};

const follow = async (client: Client, id: string, onLine: (line: LogLine) => void): Promise<void> => {
  let after: string | undefined;
  let looksLeft = looksAfterEnd;
  for (;;) {
    const { isCompleted } = await client.runs.retrieve(id);
    const { lines, next } = await readLines(client, id, after);
    after = next;
    for (const line of lines) onLine(line);
    if (isCompleted && looksLeft-- === 0) return;
    await delay(lookMs);
  }
};

/** `longshore runs logs`: under `--json` one document, or with `--follow` one line of JSON for each line. */
export const showLogs = async (client: Client, id: string, options: LogsOptions): Promise<void> => {
  const isWanted = levelFilter(options.level);
  if (options.follow) {
    return follow(client, id, (line) => {
      if (!isWanted(line)) return;
      if (options.json) printJsonLine(line);
      else print(formatLogLine(line));
    });
  }
  const found = (await readLines(client, id, undefined)).lines.filter(isWanted);
  if (options.json) return printJson({ data: found });
  if (found.length === 0) return print("No lines.");
  for (const line of found) print(formatLogLine(line));
};
