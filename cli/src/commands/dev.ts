import path from "node:path";
import type { Command } from "commander";
import { loadConfig } from "../bundle/load-config.ts";
import { CliError } from "../cli-error.ts";
import { startDevPlatform } from "../dev/dev-platform.ts";
import { createRunReporter, reportBuild } from "../dev/dev-reporter.ts";
import { followRuns } from "../dev/follow-runs.ts";
import { createRebuilder } from "../dev/rebuild.ts";
import { watchProject } from "../dev/watch-project.ts";
import { print, printNote } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { style } from "../terminal/style.ts";
import { aborted, interruptSignal } from "../terminal/until-interrupted.ts";
import {
  type Connection,
  type ConnectionOptions,
  connect,
  findConnection,
  withConnection,
} from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = ConnectionOptions & {
  port?: number;
  slots: number;
  enrolToken?: string;
  verbose?: boolean;
};

const defaultSlots = 10;

/** Both parts, or none: then `dev` brings its own API. */
const remoteConnection = (options: Options): Connection | undefined => {
  const { apiUrl, apiKey } = findConnection(options);
  if (apiUrl === undefined) return undefined;
  if (apiKey !== undefined) return { apiUrl, apiKey };
  throw new CliError(`no API key for ${apiUrl}`, {
    next: "pass --api-key or set LONGSHORE_SECRET_KEY; without an address, dev starts an API of its own",
    exitCode: 2,
  });
};

const dev = async (dir: string, options: Options): Promise<void> => {
  await loadConfig(dir).catch((error: unknown) => {
    if (error instanceof CliError) throw error;
  });
  const interrupted = interruptSignal();
  const platform = await startDevPlatform({
    dir,
    connection: remoteConnection(options),
    enrolToken: options.enrolToken ?? process.env.LONGSHORE_ENROL_TOKEN,
    port: options.port,
    slots: options.slots,
    log: options.verbose ? printNote : () => {},
  });
  const { connection, agent } = platform;
  print(`API        ${connection.apiUrl}`);
  if (platform.signInUrl) print(`Dashboard  ${platform.signInUrl}`);
  print(
    agent
      ? `Agent      ${agent.runtime.kind} (dev runs tasks as processes of this machine)`
      : "Agent      none here: pass --enrol-token",
  );
  print(style("dim", "Watching for changes; Ctrl-C ends."));

  const rebuilder = createRebuilder({ dir, ...connection }, reportBuild);
  const watcher = await watchProject(dir, rebuilder.request);
  const ended = new AbortController();
  const following = followRuns(
    connect(connection),
    { from: new Date(), signal: AbortSignal.any([interrupted, ended.signal]) },
    createRunReporter(),
  );
  rebuilder.request();

  const agentEnded = agent ? agent.done : new Promise<never>(() => {});
  const end = await Promise.race([agentEnded, aborted(interrupted)]);
  ended.abort();
  await watcher.close();
  await rebuilder.idle();
  await following;
  await platform.close();
  if (end?.kind === "fatal") throw new CliError(end.reason, { next: "run again with --verbose" });
};

/** `longshore dev`. */
export const addDevCommand = (program: Command): void => {
  withConnection(program.command("dev"))
    .description("run the project here and rebuild it on every change")
    .argument("[dir]", "project folder", ".")
    .option("--port <port>", "port of the embedded API", parseCount)
    .option("--slots <count>", "how many runs at once", parseCount, defaultSlots)
    .option("--enrol-token <token>", "with --api-url: make this machine an agent there")
    .option("--verbose", "show what the server and the agent log")
    .action((dir: string, options: Options) => runAction({}, () => dev(path.resolve(dir), options)));
};
