import { readFile } from "node:fs/promises";
import type { Client, Run } from "@longshore/sdk";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatRunError } from "../terminal/format-run-error.ts";
import { print, printJson } from "../terminal/output.ts";
import { startProgress } from "../terminal/progress.ts";
import { readInput } from "../terminal/read-input.ts";
import { style } from "../terminal/style.ts";
import { type ConnectionOptions, connect, getConnection, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = ConnectionOptions & {
  payload?: string;
  wait?: boolean;
  delay?: string;
  tag?: string[];
  ttl?: string;
  queue?: string;
  concurrencyKey?: string;
  idempotencyKey?: string;
  /** A version of the code; not the program's. */
  lockTo?: string;
};

const pollIntervalMs = 500;
/** A run that has not begun by then may wait for something that its owner does not know of. Units: milliseconds. */
const patienceMs = 10_000;

/** `@file` and `-` (standard input) name where it is; anything else is it. */
const readPayload = async (given: string): Promise<string> => {
  if (given === "-" || given === "@-") return readInput();
  if (!given.startsWith("@")) return given;
  const file = given.slice(1);
  return readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(`the payload's file ${file} cannot be read (${cause.code})`, {
      exitCode: exitCodes.badUsage,
      cause,
    });
  });
};

const parsePayload = async (given: string | undefined): Promise<unknown> => {
  if (given === undefined) return undefined;
  const text = await readPayload(given);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`the payload is no JSON: ${error instanceof Error ? error.message : error}`, {
      next: `quote it for the shell: --payload '{"name":"Ada"}', or pass @file, or - for standard input`,
      exitCode: exitCodes.badUsage,
    });
  }
};

const printEnd = (run: Run): void => {
  const seconds = (run.durationMs / 1_000).toFixed(1);
  if (run.status === "COMPLETED") {
    print(`${style("green", "✓")} ${run.id} COMPLETED in ${seconds} s`);
    if (run.output !== undefined) print(JSON.stringify(run.output, null, 2));
    return;
  }
  print(`${style("red", "✗")} ${run.id} ${run.status} after ${seconds} s`);
  if ("error" in run && run.error) print(formatRunError(run.error));
};

/** Waits for the end of a run, and says once why it has not begun. */
const waitFor = async (client: Client, id: string, options: Options): Promise<Run> => {
  const progress = startProgress(options);
  // Whoever reads both streams as one still finds nothing but the run.
  if (!options.json) progress.say(`waiting for ${id}`);
  const explain = async () => {
    const { sentence } = await client.runs.explain(id);
    const { startedAt, isCompleted } = await client.runs.retrieve(id);
    if (startedAt === undefined && !isCompleted) progress.say(`waiting for ${id}: ${sentence}`);
  };
  const impatience = setTimeout(() => void explain().catch(() => undefined), patienceMs);
  try {
    return await client.runs.poll(id, { pollIntervalMs });
  } finally {
    clearTimeout(impatience);
    progress.end();
  }
};

const trigger = async (task: string, given: string | undefined, options: Options): Promise<void> => {
  const payload = await parsePayload(options.payload ?? given);
  const client = connect(await getConnection(options));
  const { delay, tag: tags, idempotencyKey, ttl, queue, concurrencyKey, lockTo: version } = options;
  const handle = await client.tasks.trigger(task, payload, {
    ...(delay === undefined ? {} : { delay }),
    ...(tags === undefined ? {} : { tags }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(queue === undefined ? {} : { queue }),
    ...(concurrencyKey === undefined ? {} : { concurrencyKey }),
    ...(version === undefined ? {} : { version }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
  if (!options.wait) {
    if (options.json) return printJson({ id: handle.id, isCached: handle.isCached });
    return print(handle.id);
  }
  const run = await waitFor(client, handle.id, options);
  if (options.json) printJson(run);
  else printEnd(run);
  if (run.status !== "COMPLETED") process.exitCode = exitCodes.failed;
};

/** `longshore trigger`. */
export const addTriggerCommand = (program: Command): void => {
  withConnection(program.command("trigger"))
    .description("trigger a run of a task")
    .argument("<task>", "id of the task")
    .argument("[payload]", "what the task receives: JSON, @file, or - for standard input")
    .option("--payload <json>", "the same")
    .option("--delay <duration>", 'start later, such as "10m"')
    .option("--ttl <duration>", "give it up when it has not started by then")
    .option("--tag <tag...>", "tags of the run")
    .option("--queue <name>", "queue to wait in")
    .option("--concurrency-key <key>", "count it under this key of its queue")
    .option("--lock-to <version>", "run this version of the code")
    .option("--idempotency-key <key>", "trigger at most once under this key")
    .option("--wait", "wait for the end; exit code 1 unless it completed")
    .action((task: string, payload: string | undefined, options: Options) =>
      runAction(options, () => trigger(task, payload, options)),
    );
};
