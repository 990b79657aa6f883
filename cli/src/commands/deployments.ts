import type { Client, Deployment as ListedDeployment } from "@longshore/sdk";
import { Deployment, type RollBackBody } from "@longshore/shared/contract/deployments";
import type { Command } from "commander";
import { print, printJson, table } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { style } from "../terminal/style.ts";
import {
  type Connection,
  type ConnectionOptions,
  connect,
  getConnection,
  placeOf,
  withConnection,
} from "./connection.ts";
import { nameOfPlace } from "./place-names.ts";
import { runAction } from "./run-action.ts";

type ListOptions = ConnectionOptions & { limit: number };

/** Where `deploy` goes: production unless another environment is named, also beside a `longshore dev`. */
const needs = { defaultEnv: "prod", meetsDevByName: true };

const enter = (options: ConnectionOptions, work: (connection: Connection) => Promise<void>): Promise<void> =>
  runAction(options, async () => work(await getConnection(options, needs)));

const rowOf = (one: ListedDeployment): string[] => [
  one.version,
  one.isCurrent ? "current" : one.status.toLowerCase(),
  String(one.taskCount),
  one.createdAt.toISOString(),
  one.externalId ?? "",
];

const list = async (client: Client, options: ListOptions): Promise<void> => {
  const { data, pagination } = await client.deployments.list({
    limit: Math.min(100, Math.max(1, options.limit)),
  });
  if (options.json) return printJson({ data, pagination });
  if (data.length === 0) return print("No deployments.");
  print(table([["VERSION", "STATE", "TASKS", "CREATED", "EXTERNAL ID"], ...data.map(rowOf)]));
};

/** Which environment was changed is asked before it is: nothing is made current in a place that cannot be told. */
const makeCurrent = async (
  connection: Connection,
  json: boolean | undefined,
  move: (client: Client) => Promise<Deployment>,
): Promise<void> => {
  const { project, slug: environment, branch } = await placeOf(connection);
  const where = nameOfPlace({ slug: environment, branch });
  const deployment = await move(connect(connection));
  if (json) return printJson({ ...deployment, project, environment, branch });
  print(
    `${style("green", "✓")} Version ${style("bold", deployment.version)} is current in ${where} of ${project}.`,
  );
};

const promote = (connection: Connection, version: string, json: boolean | undefined): Promise<void> =>
  makeCurrent(connection, json, (client) =>
    client.request(Deployment, "POST", `/api/v1/deployments/${encodeURIComponent(version)}/promote`),
  );

/** `from` is read first, so that a request that is sent twice does not go back two versions. */
const rollBack = (connection: Connection, to: string | undefined, json: boolean | undefined): Promise<void> =>
  makeCurrent(connection, json, async (client) => {
    const current = await client.request(Deployment, "GET", "/api/v1/deployments/current");
    const body: RollBackBody = { from: current.version, ...(to === undefined ? {} : { version: to }) };
    return client.request(Deployment, "POST", "/api/v1/deployments/rollback", { body });
  });

/** `longshore promote`, `longshore rollback` and `longshore deployments list`. */
export const addDeploymentsCommand = (program: Command): void => {
  withConnection(program.command("promote"))
    .description("make a deployed version the current one")
    .argument("<version>", "version, or id of the deployment")
    .action((version: string, options: ConnectionOptions) =>
      enter(options, (connection) => promote(connection, version, options.json)),
    );
  withConnection(program.command("rollback"))
    .description("go back to the version before the current one, or to another")
    .argument("[version]", "version to go back to")
    .action((version: string | undefined, options: ConnectionOptions) =>
      enter(options, (connection) => rollBack(connection, version, options.json)),
    );
  const deployments = program.command("deployments").description("the versions of an environment");
  withConnection(deployments.command("list"))
    .description("the newest first")
    .option("--limit <count>", "how many, at most 100", parseCount, 25)
    .action((options: ListOptions) => enter(options, (connection) => list(connect(connection), options)));
};
