import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import { type AgentFlags, enrolAgentHere, type RunningAgent, startAgentHere } from "../adapters/agent.ts";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { aborted, interruptSignal } from "../terminal/until-interrupted.ts";
import { type DrainOptions, doctor, drain, showStatus } from "./agent-local.ts";
import { withCommon } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = AgentFlags & { json?: boolean };

/** An API that refuses an agent does so at once, and one that holds its poll for longer has taken it. Units: milliseconds. */
const acceptedWithinMs = 2_000;

const enrol = async ({ json, ...flags }: Options): Promise<void> => {
  const { agentId, name } = await enrolAgentHere(flags, printNote);
  if (json) return printJson({ agentId });
  const folder = flags.dataDir === undefined ? "" : ` --data-dir ${flags.dataDir}`;
  print(`This machine is now the agent "${name}". Start it with: longshore agent start${folder}`);
};

/** Errors: `CliError` with the reason when it ends by itself. */
const untilEnd = async (agent: RunningAgent, interrupted: AbortSignal): Promise<void> => {
  const end = await Promise.race([agent.done, aborted(interrupted)]);
  await agent.stop();
  if (end?.kind !== "fatal") return;
  throw new CliError(end.reason, { exitCode: end.isForGood ? exitCodes.endedForGood : exitCodes.failed });
};

const start = async ({ json, ...flags }: Options): Promise<void> => {
  const interrupted = interruptSignal();
  const agent = await startAgentHere(flags, printNote, interrupted);
  const isSettled = new AbortController();
  const tooLong = delay(acceptedWithinMs, "started", { signal: isSettled.signal }).catch(() => "started");
  const ended = Promise.race([agent.done, aborted(interrupted)]).then(() => "ended");
  const state = await Promise.race([agent.accepted.then(() => "started"), ended, tooLong]);
  isSettled.abort();
  const { runtime, slots } = agent;
  if (state === "started") {
    if (json) printJson({ runtime: runtime.kind, slots });
    else print(`Agent started: ${runtime.kind} (${runtime.why}), ${slots} slots`);
  }
  await untilEnd(agent, interrupted);
};

/** `longshore agent enrol|start|status|drain|doctor`. */
export const addAgentCommand = (program: Command): void => {
  const agent = program.command("agent").description("make this machine execute runs");
  const withFolder = (command: Command) =>
    withCommon(command).option(
      "--data-dir <dir>",
      "folder of the agent's identity and cache (or LONGSHORE_AGENT_DATA; ~/.longshore/agent)",
    );
  const withApi = (command: Command) =>
    withFolder(command).option(
      "--api-url <url>",
      "address of the API (or LONGSHORE_URL; start knows it from enrol)",
    );
  const withToken = (command: Command) =>
    withApi(command)
      .option("--token <token>", "a one-time token (or LONGSHORE_ENROL_TOKEN)")
      .option("--name <name>", "how the agent is called (or LONGSHORE_AGENT_NAME; the host's name)");
  withToken(agent.command("enrol"))
    .description("register this machine with a one-time token")
    .action((options: Options) => runAction(options, () => enrol(options)));
  withToken(agent.command("start"))
    .description("take runs and execute them until interrupted")
    .addOption(
      new Option("--runtime <kind>", "where runs execute (or LONGSHORE_RUNTIME; auto)").choices([
        "docker",
        "process",
        "auto",
      ]),
    )
    .option(
      "--slots <count>",
      "how many runs at once (or LONGSHORE_SLOTS; from the number of CPUs)",
      parseCount,
    )
    .option("--image <image>", "image of the runner containers (or LONGSHORE_RUNNER_IMAGE)")
    .action((options: Options) => runAction(options, () => start(options)));
  withFolder(agent.command("status"))
    .description("say what the agent on this machine is doing now")
    .action((options: Options) => runAction(options, () => showStatus(options)));
  withFolder(agent.command("drain"))
    .description("let the agent on this machine take nothing more, and wait until its runs are done")
    .option("--undo", "let it take runs again")
    .option("--timeout <seconds>", "wait no longer than this; the agent goes on draining", parseCount)
    .action((options: DrainOptions) => runAction(options, () => drain(options)));
  withApi(agent.command("doctor"))
    .description("look at what an agent on this machine depends on, and say what to do")
    .action((options: Options) => runAction(options, () => doctor(options)));
};
