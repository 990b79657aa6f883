import type { RunItem } from "@longshore/sdk";
import type { LogLine } from "@longshore/shared/contract/runs";
import { describeError } from "../terminal/describe-error.ts";
import { print } from "../terminal/output.ts";
import { style } from "../terminal/style.ts";
import type { RunNews } from "./follow-runs.ts";
import type { RebuildOutcome } from "./rebuild.ts";

const time = (): string => style("dim", new Date().toTimeString().slice(0, 8));

const statusColour = (run: RunItem): "green" | "red" | "yellow" | "cyan" => {
  if (run.status === "COMPLETED") return "green";
  if (run.isCompleted) return run.isCancelled ? "yellow" : "red";
  return "cyan";
};

const labelOf = (run: RunItem): string => `${run.taskIdentifier} ${style("dim", `…${run.id.slice(-6)}`)}`;

const reportDeployed = ({ deployed, elapsedMs }: Extract<RebuildOutcome, { kind: "deployed" }>): void => {
  for (const warning of deployed.warnings) print(`${time()} ${style("yellow", warning)}`);
  const seconds = (elapsedMs / 1_000).toFixed(1);
  print(
    `${time()} ${style("green", "✓")} Version ${deployed.version} in ${seconds} s: ${deployed.tasks.join(", ")}`,
  );
};

const reportKept = ({ error, hasGood }: Extract<RebuildOutcome, { kind: "kept" }>): void => {
  const { message, detail, next } = describeError(error);
  print(`${time()} ${style("red", "✗")} ${message}`);
  if (detail) print(detail);
  if (next) print(`${style("dim", "next:")} ${next}`);
  if (hasGood) print(style("dim", "The last good version keeps running."));
};

/** Shows what a build came to; one that changed nothing is not worth a line. */
export const reportBuild = (outcome: RebuildOutcome): void => {
  if (outcome.kind === "deployed") reportDeployed(outcome);
  if (outcome.kind === "kept") reportKept(outcome);
};

const reportStatus = (run: RunItem): void => {
  const duration = run.isCompleted ? ` ${(run.durationMs / 1_000).toFixed(1)} s` : "";
  print(`${time()} ${labelOf(run)} ${style(statusColour(run), run.status)}${duration}`);
};

const reportLine = (run: RunItem, { level, message, attributes }: LogLine): void => {
  const colour = level === "error" ? "red" : level === "warn" ? "yellow" : "dim";
  const hasMore = attributes !== undefined && Object.keys(attributes).length > 0;
  const more = hasMore ? ` ${style("dim", JSON.stringify(attributes))}` : "";
  print(
    `${time()} ${labelOf(run)} ${style("dim", "│")} ${style(colour, level.padEnd(5))} ${message.trimEnd()}${more}`,
  );
};

/** Makes a reporter of runs: a line for each status and each line of a log; an outage is told once. */
export const createRunReporter = (): ((news: RunNews) => void) => {
  let unreachable = false;
  return (news) => {
    if (news.kind === "unreachable" && !unreachable) {
      print(`${time()} ${style("yellow", describeError(news.error).message)}`);
    }
    unreachable = news.kind === "unreachable";
    if (news.kind === "status") reportStatus(news.run);
    if (news.kind === "log") reportLine(news.run, news.line);
  };
};
