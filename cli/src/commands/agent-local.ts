import { setTimeout as delay } from "node:timers/promises";
import type { AgentFlags } from "../adapters/agent.ts";
import { askLocalAgent, type Check, examineHost, type LocalStatus } from "../adapters/local-agent.ts";
import { CliError } from "../cli-error.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { style } from "../terminal/style.ts";

type Common = AgentFlags & { json?: boolean };
export type DrainOptions = Common & { undo?: boolean; timeout?: number };

/** Units: milliseconds. */
const lookMs = 300;

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

const stateOf = (status: LocalStatus): string => {
  if (!status.healthy) return style("red", "does not hear the API");
  if (status.paused) return style("red", "runs are frozen: the API is silent");
  if (status.draining) return style("yellow", "draining");
  return status.problems.length > 0 ? style("yellow", "claims are held back") : style("green", "at work");
};

/** `longshore agent status`: what the agent on this machine is doing now. */
export const showStatus = async ({ json, ...flags }: Common): Promise<void> => {
  const status = await askLocalAgent(flags, "GET", "/status");
  if (json) return printJson(status);
  const { free, lastError, name, outbox, pool, problems, running, runtime, slots, version, waiting } = status;
  print(`${style("bold", name)} (${status.agentId}, ${version}, ${runtime}): ${stateOf(status)}`);
  print(
    `  runs      ${running} running, ${waiting} waiting, ${pool.warm} warm, ${pool.generic} generic, ${free} of ${slots} slots free`,
  );
  print(`  outbox    ${plural(outbox.facts, "fact")}, ${outbox.bytes} bytes`);
  print(
    `  API       heard ${Math.round(status.silentMs / 1_000)} s ago; runs go on for ${Math.round(status.runsForMs / 1_000)} s without it`,
  );
  for (const problem of problems) print(`  problem   ${problem}`);
  if (lastError) print(`  last error ${lastError.at} ${lastError.message}`);
  for (const [loop, doing] of Object.entries(status.loops)) print(`  ${loop.padEnd(9)} ${doing}`);
};

const whatIsLeft = ({ running, waiting, outbox }: LocalStatus): string => {
  const kept = waiting > 0 ? `, ${plural(waiting, "waiting run")} kept` : "";
  return `${plural(running, "run")} at work, ${plural(outbox.facts, "fact")} to report${kept}`;
};

/** Errors: `CliError` when it takes too long; the agent goes on draining. */
const untilDrained = async (options: DrainOptions, first: LocalStatus): Promise<LocalStatus | null> => {
  const endAtMs =
    options.timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.timeout * 1_000;
  let said = "";
  for (let status: LocalStatus | null = first; status !== null; ) {
    const now = whatIsLeft(status);
    if (now !== said && !options.json) printNote(now);
    said = now;
    if (status.running === 0 && status.outbox.facts === 0) return status;
    if (performance.now() > endAtMs) {
      throw new CliError(`not drained after ${options.timeout} s: ${now}`, {
        next: "the agent takes nothing more and goes on; ask again, or take it back with: longshore agent drain --undo",
      });
    }
    await delay(lookMs);
    // An agent that has ended meanwhile has nothing left to do here.
    status = await askLocalAgent(options, "GET", "/status").catch(() => null);
  }
  return null;
};

/** `longshore agent drain`: takes nothing more, and waits until what runs is done. */
export const drain = async (options: DrainOptions): Promise<void> => {
  if (options.undo) {
    const status = await askLocalAgent(options, "POST", "/undrain");
    if (options.json) return printJson(status);
    return print(
      status.draining
        ? "The API still asks this agent to drain (see its page)."
        : "The agent takes runs again.",
    );
  }
  const last = await untilDrained(options, await askLocalAgent(options, "POST", "/drain"));
  if (options.json) return printJson({ drained: true, waiting: last?.waiting ?? 0, hasEnded: last === null });
  if (last === null) return print("The agent has ended.");
  const kept =
    last.waiting > 0
      ? ` ${plural(last.waiting, "run")} wait here for something; they go on when the agent takes work again.`
      : "";
  print(`Drained: nothing executes here, and everything is reported.${kept}`);
};

const marks: Record<Check["state"], string> = {
  ok: style("green", "ok     "),
  warn: style("yellow", "warn   "),
  fail: style("red", "fail   "),
  skipped: style("dim", "skipped"),
};

/** `longshore agent doctor`: exit code 1 when something keeps an agent from working here. */
export const doctor = async ({ json, ...flags }: Common): Promise<void> => {
  const checks = await examineHost(flags);
  const failed = checks.filter(({ state }) => state === "fail").length;
  if (failed > 0) process.exitCode = 1;
  if (json) return printJson({ healthy: failed === 0, checks });
  for (const { name, state, says, next } of checks) {
    print(`${marks[state]}  ${name.padEnd(17)} ${says}`);
    if (next && (state === "warn" || state === "fail")) print(`${" ".repeat(27)}${style("dim", next)}`);
  }
};
