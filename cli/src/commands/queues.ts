import type { Client } from "@longshore/sdk";
import { QueueItem, QueueList } from "@longshore/shared/contract/queues";
import type { Command } from "commander";
import { print, printJson, table } from "../terminal/output.ts";
import { type ConnectionOptions, connect, getConnection, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

const perPage = 100;

const nameOf = ({ name, type }: QueueItem): string => (type === "task" ? `task/${name}` : name);

const readAll = async (client: Client): Promise<QueueItem[]> => {
  const all: QueueItem[] = [];
  for (let page = 1; ; page++) {
    const { data, pagination } = await client.request(QueueList, "GET", "/api/v1/queues", {
      query: { page, perPage },
    });
    all.push(...data);
    if (page >= pagination.totalPages) return all;
  }
};

const list = async (client: Client, json: boolean | undefined): Promise<void> => {
  const data = await readAll(client);
  if (json) return printJson({ data });
  if (data.length === 0) return print("No queues: deploy something first.");
  const rows = data.map((queue) => [
    nameOf(queue),
    queue.paused ? "paused" : "open",
    String(queue.running),
    String(queue.queued),
    queue.concurrency.current === null ? "" : String(queue.concurrency.current),
  ]);
  print(table([["QUEUE", "STATE", "RUNNING", "QUEUED", "LIMIT"], ...rows]));
};

/** `task/<id>` is a task's own queue, as lists show it; anything else is one that the code declares. */
const change = async (
  client: Client,
  named: string,
  action: "pause" | "resume",
  json: boolean | undefined,
) => {
  const isTask = named.startsWith("task/");
  const isId = named.startsWith("queue_");
  const name = isTask ? named.slice("task/".length) : named;
  const body = { type: isTask ? "task" : isId ? "id" : "custom", action };
  const queue = await client.request(QueueItem, "POST", `/api/v1/queues/${encodeURIComponent(name)}/pause`, {
    body,
  });
  if (json) return printJson(queue);
  print(queue.paused ? `${nameOf(queue)} is paused: its runs wait.` : `${nameOf(queue)} is open.`);
};

const withClient = (options: ConnectionOptions, work: (client: Client) => Promise<void>): Promise<void> =>
  runAction(options, async () => work(connect(await getConnection(options))));

/** `longshore queues list|pause|resume`. */
export const addQueuesCommand = (program: Command): void => {
  const queues = program.command("queues").description("queues of an environment");
  withConnection(queues.command("list"))
    .description("what runs and waits in each")
    .action((options: ConnectionOptions) => withClient(options, (client) => list(client, options.json)));
  for (const [action, description] of [
    ["pause", "let nothing more start from a queue"],
    ["resume", "let runs start from a queue again"],
  ] as const) {
    withConnection(queues.command(action))
      .description(description)
      .argument("<queue>", "name of the queue; task/<id> is a task's own")
      .action((name: string, options: ConnectionOptions) =>
        withClient(options, (client) => change(client, name, action, options.json)),
      );
  }
};
