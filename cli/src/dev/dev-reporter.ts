import type { RunItem } from "@longshore/sdk";
import type { LogLine } from "@longshore/shared/contract/runs";
import { describeError } from "../terminal/describe-error.ts";
import { formatLogText } from "../terminal/format-log-line.ts";
import { formatRunError } from "../terminal/format-run-error.ts";
import { print, printJsonLine } from "../terminal/output.ts";
import { style } from "../terminal/style.ts";
import type { RunNews } from "./follow-runs.ts";
import type { RebuildOutcome } from "./rebuild.ts";

/** Tells a person, or under `--json` a program, what happens in `dev`. */
export type DevReporter = { build(outcome: RebuildOutcome): void; run(news: RunNews): void };

/** How a run's page is reached; undefined when there is none. */
type PageOf = (run: RunItem) => string | undefined;

const time = (): string => style("dim", new Date().toTimeString().slice(0, 8));

const statusColour = (run: RunItem): "green" | "red" | "yellow" | "cyan" => {
  if (run.status === "COMPLETED") return "green";
  if (run.isCompleted) return run.isCancelled ? "yellow" : "red";
  return "cyan";
};

const reportDeployed = ({ deployed, elapsedMs }: Extract<RebuildOutcome, { kind: "deployed" }>): void => {
  for (const warning of deployed.warnings) print(`${time()} ${style("yellow", warning)}`);
  const took = elapsedMs < 1_000 ? `${Math.round(elapsedMs)} ms` : `${(elapsedMs / 1_000).toFixed(1)} s`;
  print(
    `${time()} ${style("green", "✓")} Version ${deployed.version} in ${took}: ${deployed.tasks.join(", ")}`,
  );
};

const reportKept = ({ error, hasGood }: Extract<RebuildOutcome, { kind: "kept" }>): void => {
  const { message, detail, next } = describeError(error);
  print(`${time()} ${style("red", "✗")} ${message}`);
  if (detail) print(detail);
  if (next) print(`${style("dim", "next:")} ${next}`);
  if (hasGood) print(style("dim", "The last good version keeps running."));
};

const reportStatus = (run: RunItem, isNew: boolean, page: string | undefined): void => {
  const duration = run.isCompleted ? ` ${(run.durationMs / 1_000).toFixed(1)} s` : "";
  const where = isNew && page ? ` ${style("dim", page)}` : "";
  const what = `${run.taskIdentifier} ${style(statusColour(run), run.status)}`;
  print(`${time()} ${style("dim", `[${run.id}]`)} ${what}${duration}${where}`);
};

const reportLine = (run: RunItem, line: LogLine): void =>
  print(`${time()} ${style("dim", `[${run.id} attempt ${line.attempt}]`)} ${formatLogText(line)}`);

const reportFailure = ({ run, attempt, error }: Extract<RunNews, { kind: "failure" }>): void => {
  const where = attempt === null ? run.id : `${run.id} attempt ${attempt}`;
  print(
    `${time()} ${style("dim", `[${where}]`)} ${run.taskIdentifier} ${style("red", formatRunError(error))}`,
  );
};

const reportRun = (pageOf: PageOf): DevReporter["run"] => {
  const known = new Set<string>();
  let unreachable = false;
  return (news) => {
    if (news.kind === "unreachable" && !unreachable) {
      print(`${time()} ${style("yellow", describeError(news.error).message)}`);
    }
    unreachable = news.kind === "unreachable";
    if (news.kind === "status") {
      reportStatus(news.run, !known.has(news.run.id), pageOf(news.run));
      known.add(news.run.id);
    }
    if (news.kind === "log") reportLine(news.run, news.line);
    if (news.kind === "failure") reportFailure(news);
  };
};

const jsonReporter = (pageOf: PageOf): DevReporter => ({
  build: (outcome) => {
    if (outcome.kind === "unchanged") {
      if (outcome.afterFailure) printJsonLine({ event: "unchanged" });
      return;
    }
    if (outcome.kind === "deployed") {
      const { version, tasks, warnings } = outcome.deployed;
      return printJsonLine({
        event: "version",
        version,
        tasks,
        warnings,
        elapsedMs: Math.round(outcome.elapsedMs),
      });
    }
    printJsonLine({ event: "build_failed", error: describeError(outcome.error), keepsLast: outcome.hasGood });
  },
  run: (news) => {
    if (news.kind === "unreachable") {
      return printJsonLine({ event: "unreachable", error: describeError(news.error) });
    }
    const { id, taskIdentifier: task, status } = news.run;
    if (news.kind === "status")
      return printJsonLine({ event: "run", id, task, status, page: pageOf(news.run) });
    if (news.kind === "failure")
      return printJsonLine({ event: "failure", id, task, attempt: news.attempt, error: news.error });
    printJsonLine({ event: "log", id, task, ...news.line });
  },
});

/** Makes a reporter: a line for each build, each status and each line of a log; an outage is told once. */
export const createDevReporter = (options: { json?: boolean; pageOf: PageOf }): DevReporter =>
  options.json
    ? jsonReporter(options.pageOf)
    : {
        build: (outcome) => {
          if (outcome.kind === "deployed") reportDeployed(outcome);
          if (outcome.kind === "kept") reportKept(outcome);
          if (outcome.kind === "unchanged" && outcome.afterFailure)
            print(`${time()} ${style("green", "✓")} It builds again, as the version that runs.`);
        },
        run: reportRun(options.pageOf),
      };
