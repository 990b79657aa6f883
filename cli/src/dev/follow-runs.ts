import type { Client, RunItem } from "@longshore/sdk";
import type { LogLine } from "@longshore/shared/contract/runs";
import { type Clock, systemClock } from "@longshore/shared/core/clock";

/** What happens to runs, in the order it was seen. */
export type RunNews =
  | { kind: "status"; run: RunItem }
  | { kind: "log"; run: RunItem; line: LogLine }
  | { kind: "unreachable"; error: unknown };

type Followed = { status: string; cursor: string | undefined; settled: number };

/** Units: milliseconds. */
const intervalMs = 500;
const pageSize = 100;
/** A run's last lines may arrive after its end: it is asked this often more. */
const looksAfterEnd = 4;

/**
 * Tells what happens to the environment's runs since `from`, until the signal aborts. Cost: one request each half
 * second, and one for each run that is not over.
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
  };

  const look = async (run: RunItem) => {
    const state = followed.get(run.id) ?? { status: "", cursor: undefined, settled: 0 };
    followed.set(run.id, state);
    if (state.settled > looksAfterEnd) return;
    if (run.isCompleted) {
      state.settled += 1;
      await readLog(run, state);
    }
    if (run.status !== state.status) onNews({ kind: "status", run });
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
