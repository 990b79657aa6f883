import type { Run } from "@longshore/sdk";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { print, printJson } from "../terminal/output.ts";
import { style } from "../terminal/style.ts";
import { type ConnectionOptions, connect, getConnection, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = ConnectionOptions & {
  payload?: string;
  wait?: boolean;
  delay?: string;
  tag?: string[];
  idempotencyKey?: string;
  json?: boolean;
};

const pollIntervalMs = 500;

const parsePayload = (text: string | undefined): unknown => {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`the payload is no JSON: ${error instanceof Error ? error.message : error}`, {
      next: `quote it for the shell: --payload '{"name":"Ada"}'`,
      exitCode: 2,
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
  if ("error" in run && run.error) print(run.error.message);
};

const trigger = async (task: string, options: Options): Promise<void> => {
  const payload = parsePayload(options.payload);
  const client = connect(await getConnection(options));
  const { delay, tag: tags, idempotencyKey } = options;
  const handle = await client.tasks.trigger(task, payload, {
    ...(delay === undefined ? {} : { delay }),
    ...(tags === undefined ? {} : { tags }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
  if (!options.wait) {
    if (options.json) return printJson({ id: handle.id, isCached: handle.isCached });
    return print(handle.id);
  }
  const run = await client.runs.poll(handle.id, { pollIntervalMs });
  if (options.json) printJson(run);
  else printEnd(run);
  if (run.status !== "COMPLETED") process.exitCode = 1;
};

/** `longshore trigger`. */
export const addTriggerCommand = (program: Command): void => {
  withConnection(program.command("trigger"))
    .description("trigger a run of a task")
    .argument("<task>", "id of the task")
    .option("--payload <json>", "what the task receives")
    .option("--delay <duration>", 'start later, such as "10m"')
    .option("--tag <tag...>", "tags of the run")
    .option("--idempotency-key <key>", "trigger at most once under this key")
    .option("--wait", "wait for the end; exit code 1 unless it completed")
    .option("--json", "answer as JSON")
    .action((task: string, options: Options) => runAction(options, () => trigger(task, options)));
};
