import { seedBacklog } from "../bench/seed-backlog.ts";
import { seedHistory } from "../bench/seed-history.ts";
import { openStage, type Stage } from "../bench/stage.ts";

const historyRuns = 60_000;
const never = 3_600_000;

/** A system with a record, a long queue, runs blocked behind a key and behind a limit, and many queues. */
export const openSeededStage = async (postgresUrl: string): Promise<Stage> => {
  const stage = await openStage(postgresUrl, { sweepMs: never });
  try {
    await stage.trigger();
    await seedHistory(stage.sql, historyRuns, stage.environmentId);
    for (const backlog of ["blocked-backlog", "blocked-limit", "many-queues"] as const)
      await seedBacklog(stage, backlog);
    return stage;
  } catch (error) {
    await stage.close();
    throw error;
  }
};
