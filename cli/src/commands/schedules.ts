import type { Client } from "@longshore/sdk";
import { type Schedule, ScheduleList } from "@longshore/shared/contract/schedules";
import type { Command } from "commander";
import { print, printJson, table } from "../terminal/output.ts";
import { type ConnectionOptions, connect, getConnection, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

const perPage = 100;

const readAll = async (client: Client): Promise<Schedule[]> => {
  const all: Schedule[] = [];
  for (let page = 1; ; page++) {
    const { data, pagination } = await client.request(ScheduleList, "GET", "/api/v1/schedules", {
      query: { page, perPage },
    });
    all.push(...data);
    if (page >= pagination.totalPages) return all;
  }
};

const list = async (options: ConnectionOptions): Promise<void> => {
  const data = await readAll(connect(await getConnection(options)));
  if (options.json) return printJson({ data });
  if (data.length === 0) return print("No schedules.");
  const rows = data.map((one) => [
    one.id,
    one.task,
    one.generator.expression,
    one.timezone,
    one.type.toLowerCase(),
    one.active ? (one.nextRun ?? "") : "inactive",
  ]);
  print(table([["ID", "TASK", "CRON", "TIME ZONE", "KIND", "NEXT"], ...rows]));
};

/** `longshore schedules list`. */
export const addSchedulesCommand = (program: Command): void => {
  const schedules = program.command("schedules").description("cron schedules of an environment");
  withConnection(schedules.command("list"))
    .description("what runs when")
    .action((options: ConnectionOptions) => runAction(options, () => list(options)));
};
