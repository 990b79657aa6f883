import type { Client, Run } from "@longshore/sdk";
import type { LogLine } from "@longshore/shared/contract/runs";
import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { isFinalStatus } from "../../lib/run-status.ts";
import { useEnvironment } from "../shell/use-environment.ts";

/** How often an open run is asked for. Units: milliseconds. */
const liveMs = 1_000;
/** Lines and events of a run may arrive after its end; this long they are still asked for. Units: milliseconds. */
const afterEndMs = 8_000;
const logPageSize = 1_000;

const isSettled = (run: Run): boolean =>
  isFinalStatus(run.status) && Date.now() - (run.finishedAt?.getTime() ?? 0) > afterEndMs;

/** A run; asked for again and again until it is over. */
export const useRun = (runId: string) => {
  const { environmentId, client } = useEnvironment();
  return useQuery({
    queryKey: ["run", environmentId, runId],
    // What is large stays where it is: the page links to it.
    queryFn: () => client.runs.retrieve(runId, { fetchesPackets: false }),
    refetchInterval: ({ state }) => (state.data && isFinalStatus(state.data.status) ? false : liveMs),
  });
};

export const useTimeline = (run: Run) => {
  const { environmentId, client } = useEnvironment();
  return useQuery({
    queryKey: ["timeline", environmentId, run.id],
    queryFn: () => client.runs.timeline(run.id),
    refetchInterval: isSettled(run) ? false : liveMs,
  });
};

/** Why an open run is where it is. */
export const useExplanation = (run: Run) => {
  const { environmentId, client } = useEnvironment();
  const open = !isFinalStatus(run.status);
  return useQuery({
    queryKey: ["explanation", environmentId, run.id],
    queryFn: () => client.runs.explain(run.id),
    enabled: open,
    refetchInterval: open ? liveMs : false,
  });
};

type Logs = { lines: LogLine[]; next: string | undefined };

/** Reads on from where `known` ends, page after page, until nothing is new. */
const readOn = async (client: Client, runId: string, known: Logs): Promise<Logs> => {
  const fresh: LogLine[] = [];
  let next = known.next;
  for (;;) {
    const page = await client.runs.logs(runId, {
      limit: logPageSize,
      ...(next === undefined ? {} : { after: next }),
    });
    fresh.push(...page.lines);
    next = page.next;
    if (page.lines.length < logPageSize) break;
  }
  return { lines: fresh.length === 0 ? known.lines : [...known.lines, ...fresh], next };
};

/** A run's log so far; each question asks only for what is new. */
export const useLogs = (run: Run) => {
  const { environmentId, client } = useEnvironment();
  const queryClient = useQueryClient();
  const options = queryOptions({
    queryKey: ["logs", environmentId, run.id],
    queryFn: (): Promise<Logs> =>
      readOn(
        client,
        run.id,
        queryClient.getQueryData<Logs>(["logs", environmentId, run.id]) ?? { lines: [], next: undefined },
      ),
    structuralSharing: false,
    refetchInterval: isSettled(run) ? false : liveMs,
  });
  return useQuery(options);
};
