import type { Client, ListRunsQuery, RunItem } from "@longshore/sdk";
import { RunStatus } from "@longshore/shared/contract/run-status";
import { type RunExplanation, RunIdResponse } from "@longshore/shared/contract/runs";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatRunError } from "../terminal/format-run-error.ts";
import { print, printJson, table } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { type ConnectionOptions, connect, getConnection, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";
import { type LogsOptions, showLogs } from "./runs-logs.ts";

type ListOptions = ConnectionOptions & {
  task?: string[];
  status?: string[];
  tag?: string[];
  version?: string[];
  queue?: string[];
  period?: string;
  after?: string;
  limit: number;
};

const rowOf = (run: RunItem): string[] => [
  run.id,
  run.taskIdentifier,
  run.status,
  run.createdAt.toISOString(),
  `${(run.durationMs / 1_000).toFixed(1)} s`,
];
const heading = ["ID", "TASK", "STATUS", "CREATED", "DURATION"];

const parseStatuses = (texts: string[]): RunStatus[] =>
  texts.map((text) => {
    const parsed = RunStatus.safeParse(text.toUpperCase());
    if (parsed.success) return parsed.data;
    throw new CliError(`unknown status "${text}"`, {
      next: `use ${RunStatus.options.join(", ")}`,
      exitCode: exitCodes.badUsage,
    });
  });

const list = async (client: Client, options: ListOptions): Promise<void> => {
  const { task, status, tag, version, queue, period, after } = options;
  const query: ListRunsQuery = {
    limit: Math.min(100, Math.max(1, options.limit)),
    ...(task ? { taskIdentifier: task } : {}),
    ...(status ? { status: parseStatuses(status) } : {}),
    ...(tag ? { tag } : {}),
    ...(version ? { version } : {}),
    ...(queue ? { queue } : {}),
    ...(period ? { period } : {}),
    ...(after ? { after } : {}),
  };
  const { data, pagination } = await client.runs.list(query);
  if (options.json) return printJson({ data, pagination });
  if (data.length === 0) return print("No runs.");
  print(table([heading, ...data.map(rowOf)]));
};

const get = async (client: Client, id: string, json: boolean | undefined): Promise<void> => {
  const run = await client.runs.retrieve(id);
  if (json) return printJson(run);
  print(table([heading, rowOf({ ...run, env: undefined } as RunItem)]));
  if ("output" in run && run.output !== undefined) print(JSON.stringify(run.output, null, 2));
  if ("error" in run && run.error) print(formatRunError(run.error));
  if (run.isCompleted) return;
  const explanation: RunExplanation | undefined = await client.runs.explain(id).catch(() => undefined);
  if (explanation) print(explanation.sentence);
};

const explain = async (client: Client, id: string, json: boolean | undefined): Promise<void> => {
  const explanation = await client.runs.explain(id);
  if (json) return printJson(explanation);
  print(explanation.sentence);
};

const cancel = async (client: Client, id: string, json: boolean | undefined): Promise<void> => {
  await client.runs.cancel(id);
  if (json) return printJson({ id });
  print(`Cancelling ${id}.`);
};

const replay = async (client: Client, id: string, json: boolean | undefined): Promise<void> => {
  const made = await client.request(RunIdResponse, "POST", `/api/v1/runs/${encodeURIComponent(id)}/replay`, {
    body: {},
  });
  if (json) return printJson({ id: made.id, replayOf: id });
  print(made.id);
};

const withClient = (options: ConnectionOptions, work: (client: Client) => Promise<void>): Promise<void> =>
  runAction(options, async () => work(connect(await getConnection(options))));

type OneRun = (client: Client, id: string, json: boolean | undefined) => Promise<void>;

const addRunCommand = (runs: Command, name: string, description: string, work: OneRun): void => {
  withConnection(runs.command(name))
    .description(description)
    .argument("<run>", "id of the run")
    .action((id: string, options: ConnectionOptions) =>
      withClient(options, (client) => work(client, id, options.json)),
    );
};

/** `longshore runs list|get|explain|logs|cancel|replay`. */
export const addRunsCommand = (program: Command): void => {
  const runs = program.command("runs").description("look at runs, cancel them, run them again");
  withConnection(runs.command("list"))
    .description("the latest runs")
    .option("--task <id...>", "only of these tasks")
    .option("--status <status...>", "only in these states")
    .option("--tag <tag...>", "only with one of these tags")
    .option("--version <version...>", "only of these versions")
    .option("--queue <name...>", "only of these queues (task/<id> is a task's own)")
    .option("--period <duration>", 'only this young, such as "1d"')
    .option("--after <run>", "the page after this run")
    .option("--limit <count>", "how many, at most 100", parseCount, 25)
    .action((options: ListOptions) => withClient(options, (client) => list(client, options)));
  addRunCommand(runs, "get", "one run, and why it does not move", get);
  addRunCommand(runs, "explain", "why a run is where it is", explain);
  withConnection(runs.command("logs"))
    .description("the log of a run")
    .argument("<run>", "id of the run")
    .option("-f, --follow", "go on until the run is over")
    .option("--level <level>", "only lines of this level and above: debug, info, warn, error")
    .action((id: string, options: LogsOptions) =>
      withClient(options, (client) => showLogs(client, id, options)),
    );
  addRunCommand(runs, "cancel", "cancel a run", cancel);
  addRunCommand(runs, "replay", "run it again with the same payload, and answer the new run", replay);
};
