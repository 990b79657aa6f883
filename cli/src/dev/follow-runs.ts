import type { Client, RunItem } from "@longshore/sdk";
import type { LogLine, WireRunError } from "@longshore/shared/contract/runs";
import { type Clock, systemClock } from "@longshore/shared/core/clock";

/** What happens to runs, in the order it was seen. */
export type RunNews =
  | { kind: "status"; run: RunItem }
  | { kind: "log"; run: RunItem; line: LogLine }
  /** An attempt that failed, or with `attempt` null a run that ended without one. */
  | { kind: "failure"; run: RunItem; attempt: number | null; error: WireRunError }
  | { kind: "unreachable"; error: unknown };

type Followed = {
  status: string;
  cursor: string | undefined;
  settled: number;
  /** The highest attempt that a line was logged in, and the highest whose failure was told. */
  attemptSeen: number;
  attemptTold: number;
};

const unseen = (): Followed => ({
  status: "",
  cursor: undefined,
  settled: 0,
  attemptSeen: 0,
  attemptTold: 0,
});

/** Units: milliseconds. */
const intervalMs = 500;
const pageSize = 100;
/** A run's last lines may arrive after its end: it is asked this often more. */
const looksAfterEnd = 4;

/** What an attempt is followed by when it was not the last. */
const isBetweenAttempts = (from: string, to: string): boolean =>
  ["DEQUEUED", "EXECUTING"].includes(from) && ["DELAYED", "QUEUED"].includes(to);

/** Tells why attempts failed that were not told of, and why a run failed that no attempt tells of. Cost: one or two requests. */
const tellFailures = async (
  client: Client,
  run: RunItem,
  state: Followed,
  onNews: (news: RunNews) => void,
): Promise<void> => {
  const { attempts } = await client.runs.timeline(run);
  const failed = attempts.filter(({ number, error }) => error !== null && number > state.attemptTold);
  for (const { number, error } of failed) {
    if (error !== null) onNews({ kind: "failure", run, attempt: number, error });
    state.attemptTold = number;
  }
  if (!run.isFailed || failed.length > 0) return;
  const { error } = await client.runs.retrieve(run.id);
  if (error) onNews({ kind: "failure", run, attempt: null, error });
};

/**
 * Tells what happens to the environment's runs since `from`, until the signal aborts. Cost: one request each half
 * second, one for each run that is not over, and one or two for each attempt that failed.
 */
export const followRuns = async (
  client: Client,
  options: { from: Date; signal: AbortSignal; clock?: Clock },
  onNews: (news: RunNews) => void,
): Promise<void> => {
  const clock = options.clock ?? systemClock;
  const followed = new Map<string, Followed>();

  const readLog = async (run: RunItem, state: Followed) => {
    const query = state.cursor === undefined ? {} : { after: state.cursor };
    const { lines, next } = await client.runs.logs(run, query);
    state.cursor = next;
    for (const line of lines) onNews({ kind: "log", run, line });
    state.attemptSeen = Math.max(state.attemptSeen, ...lines.map(({ attempt }) => attempt));
  };

  const look = async (run: RunItem) => {
    const state = followed.get(run.id) ?? unseen();
    followed.set(run.id, state);
    if (state.settled > looksAfterEnd) return;
    if (run.isCompleted) {
      state.settled += 1;
      await readLog(run, state);
    }
    const { status } = state;
    const isNew = run.status !== status;
    const isRetried = isBetweenAttempts(status, run.status) || state.attemptSeen > state.attemptTold + 1;
    if ((isNew && run.isFailed) || isRetried) await tellFailures(client, run, state, onNews);
    // An attempt that was lost without an error is not asked for again.
    state.attemptTold = Math.max(state.attemptTold, state.attemptSeen - 1);
    if (isNew) onNews({ kind: "status", run });
    state.status = run.status;
    if (!run.isCompleted) await readLog(run, state);
  };

  while (!options.signal.aborted) {
    try {
      const { data } = await client.runs.list({ from: options.from, limit: pageSize });
      for (const run of data.reverse()) await look(run);
    } catch (error) {
      if (!options.signal.aborted) onNews({ kind: "unreachable", error });
    }
    await clock.sleep(intervalMs, options.signal);
  }
};
