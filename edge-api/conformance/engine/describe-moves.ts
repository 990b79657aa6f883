import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import type { AttemptEnd } from "@longshore/edge-api/db/transitions/end-attempts";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { describe } from "vitest";
import {
  claimRequest,
  openTestPglite,
  openTestPostgres,
  seed,
  type TaskSpec,
  type TestDatabase,
  triggerItem,
} from "./fixture.ts";
import { openLater } from "./open-later.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;
const drivers: [string, boolean, () => Promise<TestDatabase>][] = [
  ["PGlite", true, openTestPglite],
  ["Postgres", serverUrl !== undefined, () => openTestPostgres(serverUrl ?? "")],
];

/** Places of their own, each with agents, in the database that `t` is. */
const placesIn =
  (t: TestDatabase) =>
  async (tasks: TaskSpec[], agents = 1, runningMax?: number) => {
    const seeded = await seed(t, { tasks, agents, ...(runningMax === undefined ? {} : { runningMax }) });
    const agent = seeded.agentIds[0] ?? "";
    const trigger = async (task: string, over = {}) => {
      const [outcome] = await triggerRuns(t.db, [triggerItem(seeded.environmentId, task, over)]);
      return outcome?.runId ?? "";
    };
    const claim = async (free: number, agentId = agent, over = {}) => {
      const answer = await claimRuns(t.db, claimRequest(agentId, free, over));
      if (answer.kind !== "claimed") throw new Error(answer.kind);
      return answer;
    };
    const end = (runId: string, epoch: number, over: Partial<AttemptEnd> = {}): AttemptEnd => ({
      runId,
      epoch,
      outcome: "completed",
      output: '"done"',
      outputType: "application/json",
      error: null,
      finalState: "failed",
      retry: null,
      executedMs: 5,
      ...over,
    });
    const run = async (id: string) => (await t.query("select * from runs where id = $1", [id]))[0] ?? {};
    const counts = async () => ({
      env: (
        await t.query("select running from environment_slots where environment_id = $1", [
          seeded.environmentId,
        ])
      )[0]?.running,
      lanes: (
        await t.query("select sum(running)::int as n from lanes where environment_id = $1", [
          seeded.environmentId,
        ])
      )[0]?.n,
    });
    return { ...seeded, agent, trigger, claim, end, run, counts };
  };

/** Cases of state moves, on PGlite and where there is one on Postgres. `t` is there while a case runs. */
export const describeMoves = (
  subject: string,
  cases: (t: TestDatabase, place: ReturnType<typeof placesIn>) => void,
): void =>
  describe.each(drivers)(`${subject} on %s`, (_name, available, open) => {
    describe.skipIf(!available)("each one statement", () => {
      const t = openLater(open);
      cases(t, placesIn(t));
    });
  });
