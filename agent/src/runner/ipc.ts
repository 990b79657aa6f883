import type { AttemptOutcome } from "@longshore/sdk/catalog";
import type { CompletedWait, WaitSpec } from "@longshore/shared/contract/agent-protocol";
import type { RunnerJob } from "@longshore/shared/contract/runner-protocol";
import type { LogLine } from "@longshore/shared/contract/runs";
import type { InternalErrorCode } from "@longshore/shared/contract/task-error";

/** Why a run is ended from outside: the code of its signal's reason. */
export type AbortCode = Extract<InternalErrorCode, "TASK_RUN_CANCELLED" | "MAX_DURATION_EXCEEDED">;

/** Where an executor finds the channel to its runner: JSON lines both ways. */
export const channelFd = 3;

/** Runner → executor. */
export type ToExecutor =
  /** `mark` starts the lines on the executor's output that are meant for the runner. */
  | { t: "run"; job: RunnerJob; mark: string }
  /** Which code is not known yet: load what of Node any code needs. */
  | { t: "idle" }
  /** Load this code now; a run of it comes later, with the same mark. */
  | { t: "prepare"; bundleDir: string; entry: string; mark: string }
  | { t: "continue"; waits: CompletedWait[] }
  | { t: "abort"; code: AbortCode; reason: string }
  | { t: "response"; id: number; status: number; headers: Record<string, string>; body: string };

/** Executor → runner. */
export type FromExecutor =
  /** Answers `idle`. */
  | { t: "up" }
  | { t: "started" }
  | { t: "prepared" }
  | { t: "waiting"; waits: WaitSpec[] }
  | {
      t: "request";
      id: number;
      method: string;
      path: string;
      headers: Record<string, string>;
      body: string | null;
    }
  /**
   * Everything the task wrote is in the output streams or, when `isMarked`, comes before the end marks on both of them.
   * `isReusable`: the process may serve another run.
   */
  | { t: "done"; outcome: AttemptOutcome; isReusable: boolean; isMarked: boolean };

/** What a marked line on the output holds: a log line, or word that the run's part of this stream begins or ends here. */
export type MarkedLine =
  | Pick<LogLine, "at" | "level" | "stream" | "message" | "attributes">
  | "begin"
  | "end";
