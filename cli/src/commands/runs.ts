import type { Client, ListRunsQuery, RunItem } from "@longshore/sdk";
import { RunStatus } from "@longshore/shared/contract/run-status";
import type { RunExplanation } from "@longshore/shared/contract/runs";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { print, printJson, table } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { type ConnectionOptions, connect, getConnection, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Common = ConnectionOptions & { json?: boolean };
type ListOptions = Common & { task?: string; status?: string[]; limit: number };

const rowOf = (run: RunItem): string[] => [
  run.id,
  run.taskIdentifier,
  run.status,
  run.createdAt.toISOString(),
  `${(run.durationMs / 1_000).toFixed(1)} s`,
];

const parseStatuses = (texts: string[]): RunStatus[] =>
  texts.map((text) => {
    const parsed = RunStatus.safeParse(text.toUpperCase());
    if (parsed.success) return parsed.data;
    throw new CliError(`unknown status "${text}"`, {
      next: `use ${RunStatus.options.join(", ")}`,
      exitCode: 2,
    });
  });

const list = async (client: Client, options: ListOptions): Promise<void> => {
  const query: ListRunsQuery = { limit: Math.min(100, Math.max(1, options.limit)) };
  if (options.task !== undefined) query.taskIdentifier = options.task;
  if (options.status) query.status = parseStatuses(options.status);
  const { data, pagination } = await client.runs.list(query);
  if (options.json) return printJson({ data, pagination });
  if (data.length === 0) return print("No runs.");
  print(table([["ID", "TASK", "STATUS", "CREATED", "DURATION"], ...data.map(rowOf)]));
};

const get = async (client: Client, id: string, json: boolean | undefined): Promise<void> => {
  const run = await client.runs.retrieve(id);
  if (json) return printJson(run);
  print(
    table([["ID", "TASK", "STATUS", "CREATED", "DURATION"], rowOf({ ...run, env: undefined } as RunItem)]),
  );
  if ("output" in run && run.output !== undefined) print(JSON.stringify(run.output, null, 2));
  if ("error" in run && run.error) print(run.error.stackTrace ?? run.error.message);
  if (run.isCompleted) return;
  const explanation: RunExplanation | undefined = await client.runs.explain(id).catch(() => undefined);
  if (explanation) print(explanation.sentence);
};

const cancel = async (client: Client, id: string, json: boolean | undefined): Promise<void> => {
  await client.runs.cancel(id);
  if (json) return printJson({ id });
  print(`Cancelling ${id}.`);
};

const withClient = (options: Common, work: (client: Client) => Promise<void>): Promise<void> =>
  runAction(options, async () => work(connect(await getConnection(options))));

/** `longshore runs list|get|cancel`. */
export const addRunsCommand = (program: Command): void => {
  const runs = program.command("runs").description("look at runs and cancel them");
  withConnection(runs.command("list"))
    .description("the latest runs")
    .option("--task <id>", "only of this task")
    .option("--status <status...>", "only in these states")
    .option("--limit <count>", "how many, at most 100", parseCount, 25)
    .option("--json", "answer as JSON")
    .action((options: ListOptions) => withClient(options, (client) => list(client, options)));
  withConnection(runs.command("get"))
    .description("one run, and why it does not move")
    .argument("<run>", "id of the run")
    .option("--json", "answer as JSON")
    .action((id: string, options: Common) => withClient(options, (client) => get(client, id, options.json)));
  withConnection(runs.command("cancel"))
    .description("cancel a run")
    .argument("<run>", "id of the run")
    .option("--json", "answer as JSON")
    .action((id: string, options: Common) =>
      withClient(options, (client) => cancel(client, id, options.json)),
    );
};
