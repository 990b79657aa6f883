import { hostname } from "node:os";
import path from "node:path";
import { type Command, Option } from "commander";
import { type AgentRuntime, enrolAgent, startAgent } from "../adapters/agent.ts";
import { CliError } from "../cli-error.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { aborted, interruptSignal } from "../terminal/until-interrupted.ts";
import { runAction } from "./run-action.ts";

type Common = { apiUrl?: string; dataDir: string; json?: boolean };
type EnrolOptions = Common & { token?: string; name: string };
type StartOptions = Common & { runtime: AgentRuntime; slots: number; image?: string };

const defaultDataDir = path.join(".longshore", "agent");
const defaultSlots = 10;

const demand = (value: string | undefined, what: string, next: string): string => {
  if (value) return value;
  throw new CliError(`no ${what}`, { next, exitCode: 2 });
};

const demandUrl = (options: Common): string =>
  demand(
    options.apiUrl ?? process.env.LONGSHORE_API_URL,
    "API address",
    "pass --api-url or set LONGSHORE_API_URL",
  );

const enrol = async (options: EnrolOptions): Promise<void> => {
  const url = demandUrl(options);
  const token = demand(
    options.token ?? process.env.LONGSHORE_ENROL_TOKEN,
    "enrol token",
    "make one on the dashboard's agents page; pass --token or set LONGSHORE_ENROL_TOKEN",
  );
  const enrolled = await enrolAgent({ url, token, name: options.name, dataDir: options.dataDir });
  if (options.json) return printJson(enrolled);
  print(`This machine is now the agent "${options.name}". Start it with: longshore agent start`);
};

const start = async (options: StartOptions): Promise<void> => {
  const url = demandUrl(options);
  const interrupted = interruptSignal();
  const { dataDir, runtime, slots, image } = options;
  const agent = await startAgent(
    { url, dataDir, runtime, slots, ...(image === undefined ? {} : { image }) },
    printNote,
  );
  print(`Agent started: ${agent.runtime.kind} (${agent.runtime.why}), ${slots} slots`);
  const ended = await Promise.race([agent.done.then(() => true), aborted(interrupted).then(() => false)]);
  await agent.stop();
  if (ended) throw new CliError("the agent ended by itself", { next: "see its last lines above" });
};

/** `longshore agent enrol|start`. */
export const addAgentCommand = (program: Command): void => {
  const agent = program.command("agent").description("make this machine execute runs");
  const withCommon = (command: Command) =>
    command
      .option("--api-url <url>", "address of the API (or LONGSHORE_API_URL)")
      .option("--data-dir <dir>", "folder of the agent's identity and cache", defaultDataDir)
      .option("--json", "answer as JSON");
  withCommon(agent.command("enrol"))
    .description("register this machine with a one-time token")
    .option("--token <token>", "the token (or LONGSHORE_ENROL_TOKEN)")
    .option("--name <name>", "how the agent is called", hostname())
    .action((options: EnrolOptions) => runAction(options, () => enrol(options)));
  withCommon(agent.command("start"))
    .description("take runs and execute them until interrupted")
    .addOption(
      new Option("--runtime <kind>", "where runs execute")
        .choices(["docker", "process", "auto"])
        .default("auto"),
    )
    .option("--slots <count>", "how many runs at once", parseCount, defaultSlots)
    .option("--image <image>", "image of the runner containers")
    .action((options: StartOptions) => runAction(options, () => start(options)));
};
