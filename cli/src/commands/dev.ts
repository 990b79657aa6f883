import path from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { findConfigFile, loadConfig } from "../bundle/load-config.ts";
import { CliError } from "../cli-error.ts";
import { createDevEnv } from "../dev/dev-env.ts";
import { agentDirOf, type DevPlatform, type RemoteApi, startDevPlatform } from "../dev/dev-platform.ts";
import { createDevReporter } from "../dev/dev-reporter.ts";
import { createDevTools } from "../dev/dev-tools.ts";
import { followRuns } from "../dev/follow-runs.ts";
import { lockFolder } from "../dev/lock-folder.ts";
import { sessionName } from "../dev/open-session.ts";
import { createRebuilder } from "../dev/rebuild.ts";
import { startWatchdog } from "../dev/start-watchdog.ts";
import { watchProject } from "../dev/watch-project.ts";
import { exitCodes } from "../exit-codes.ts";
import { findLogin } from "../profiles/find-login.ts";
import { print, printJsonLine, printNote } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { startProgress } from "../terminal/progress.ts";
import { style } from "../terminal/style.ts";
import { aborted, interruptSignal } from "../terminal/until-interrupted.ts";
import { type ConnectionOptions, connect, findConnection, projectOf, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = ConnectionOptions & {
  port?: number;
  slots?: number;
  envFile?: string[];
  inspect?: string | true;
  inspectBrk?: string | true;
  enrolToken?: string;
  verbose?: boolean;
};

const defaultSlots = 10;
const defaultInspect = "127.0.0.1:9229";

/** Another API is used only when it is named: a login that is merely there does not send code away from this machine. */
const remoteOf = async (dir: string, options: Options): Promise<RemoteApi | undefined> => {
  const { apiUrl, apiKey } = findConnection(options);
  const profile = options.profile || process.env.LONGSHORE_PROFILE;
  if (apiUrl === undefined && !profile) return undefined;
  if (apiUrl !== undefined && apiKey !== undefined) {
    const enrolToken = options.enrolToken ?? process.env.LONGSHORE_ENROL_TOKEN;
    return { kind: "key", connection: { apiUrl, apiKey }, enrolToken };
  }
  const login = await findLogin(options);
  if (login === null) {
    throw new CliError(`not signed in to ${apiUrl}, and no API key is given`, {
      next: `longshore login --api-url ${apiUrl}; without an address, dev starts an API of its own`,
      exitCode: exitCodes.notAllowed,
    });
  }
  const project = await projectOf(options, dir, login);
  return { kind: "session", wish: { login, project, name: options.branch ?? sessionName(dir) } };
};

const inspectFlag = ({ inspect, inspectBrk }: Options): string | undefined => {
  const given = inspectBrk ?? inspect;
  if (given === undefined) return undefined;
  const address = given === true ? defaultInspect : /^\d+$/.test(given) ? `127.0.0.1:${given}` : given;
  return `${inspectBrk === undefined ? "--inspect" : "--inspect-brk"}=${address}`;
};

/** Node takes a wrong address for a debugger without a word. */
const parseInspect = (text: string): string => {
  const port = Number(/^(?:[\w.-]+:)?(\d{1,5})$/.exec(text)?.[1]);
  if (port >= 1 && port <= 65_535) return text;
  throw new InvalidArgumentError("it must be a port, or host:port");
};

const announce = (platform: DevPlatform, options: Options, inspect: string | undefined): void => {
  const { connection, agent, signInUrl, pageUrl } = platform;
  if (options.json) {
    printJsonLine({ event: "ready", apiUrl: connection.apiUrl, signInUrl, page: pageUrl });
    return;
  }
  print(`API        ${connection.apiUrl}`);
  if (signInUrl ?? pageUrl) print(`Dashboard  ${signInUrl ?? pageUrl}`);
  if (connection.place?.branch) print(`Session    ${connection.place.branch}`);
  print(
    agent
      ? `Agent      ${agent.runtime.kind} (dev runs tasks as processes of this machine)`
      : "Agent      none here: pass --enrol-token",
  );
  if (inspect) print(`Debugger   ${inspect.replace(/^.*=/, "")} (one run at a time)`);
  print(style("dim", "Watching for changes; Ctrl-C ends."));
};

/** Fails at once for what no rebuild could repair by itself; code that does not build is shown like any other build. */
const requireConfig = async (dir: string): Promise<void> => {
  if ((await findConfigFile(dir)) !== null) return;
  await loadConfig(dir);
};

const dev = async (dir: string, options: Options): Promise<void> => {
  await requireConfig(dir);
  const env = createDevEnv(dir, options.envFile, printNote);
  const remote = await remoteOf(dir, options);
  const inspect = inspectFlag(options);
  const unlock = await lockFolder(dir);
  const interrupted = interruptSignal();
  const watchdog = startWatchdog(path.join(agentDirOf(dir, remote), "runs"));
  const tools = createDevTools({
    env,
    onChild: watchdog.guard,
    ...(inspect === undefined ? {} : { sourceDir: dir }),
  });
  try {
    const progress = startProgress(options);
    progress.say(remote === undefined ? "starting the API and the agent" : "starting the agent");
    const platform = await startDevPlatform({
      dir,
      remote,
      port: options.port,
      slots: inspect === undefined ? (options.slots ?? defaultSlots) : 1,
      development: { env, ...(inspect === undefined ? {} : { inspect }) },
      log: options.verbose ? printNote : () => {},
    }).finally(() => progress.end());
    announce(platform, options, inspect);
    await work(dir, options, platform, tools, interrupted);
  } finally {
    await tools.close();
    watchdog.done();
    await unlock();
  }
};

/** Builds, watches and reports until Ctrl-C, or until the agent cannot go on. */
const work = async (
  dir: string,
  options: Options,
  platform: DevPlatform,
  tools: ReturnType<typeof createDevTools>,
  interrupted: AbortSignal,
): Promise<void> => {
  const { connection, agent, pageUrl } = platform;
  const reporter = createDevReporter({
    ...(options.json ? { json: true } : {}),
    pageOf: (run) => (pageUrl === undefined ? undefined : `${pageUrl}/runs/${run.id}`),
  });
  const { place: _place, environment: _environment, ...target } = connection;
  const rebuilder = createRebuilder({ dir, tools, ...target }, (outcome) => {
    reporter.build(outcome);
    tools.warmUp();
  });
  const watcher = await watchProject(dir, rebuilder.request);
  const ended = new AbortController();
  const following = followRuns(
    connect(connection),
    { from: new Date(), signal: AbortSignal.any([interrupted, ended.signal]) },
    reporter.run,
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
    .option("--port <port>", "port of the embedded API (3030, or any that is free)", parseCount)
    .option("--slots <count>", "how many runs at once (10)", parseCount)
    .option("--env-file <file...>", "variables of runs, instead of .env, .env.development, .env.local")
    .option("--inspect [port]", "let a debugger attach to runs, at 127.0.0.1:9229", parseInspect)
    .option("--inspect-brk [port]", "the same, and wait for it before the first line", parseInspect)
    .option("--enrol-token <token>", "with --api-url and --api-key: make this machine an agent there")
    .option("--verbose", "show what the server and the agent log")
    .action((dir: string, options: Options) => runAction(options, () => dev(path.resolve(dir), options)));
};
