import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { pollWork } from "@longshore/edge-api/services/poll-work";
import { reportFacts } from "@longshore/edge-api/services/report-facts";
import type { HeldRun, PollBody } from "@longshore/shared/contract/agent-protocol";
import { describe } from "vitest";
import { depsOf } from "./deps-of.ts";
import { claimRequest, seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";
import { openLater } from "./open-later.ts";

const never = new AbortController().signal;

const sceneOf = (t: TestDatabase) => {
  /** One API process: what it remembers of agents goes by its database. */
  const startProcess = () => depsOf({ ...t.db });

  const place = async () => {
    const { agentIds, environmentId, poolId, deploymentId, bundleHash } = await seed(t, {
      tasks: [{ id: "a" }],
      agents: 2,
    });
    const [id = "", neighbour = ""] = agentIds;
    const row = { id, poolId, publicKey: "k", isRevoked: false };
    const state = (
      bootId: string,
      over: { cursor?: string | null; held?: HeldRun[]; leaseMs?: number } = {},
    ) => ({
      ...{ bootId, cursor: null, free: 0, slots: 5, held: [] },
      ...over,
    });
    const pollBy =
      (agentId: string) =>
      (bootId: string, over: Partial<PollBody> = {}, deps = startProcess(), signal = never) => {
        const body = { ...state(bootId), holdMs: 0, version: "1", runtime: "process", ...over };
        return pollWork(deps, { ...row, id: agentId }, body, signal);
      };
    const [poll, pollByNeighbour] = [pollBy(id), pollBy(neighbour)];
    const report = (bootId: string, over: Parameters<typeof state>[1] = {}) =>
      reportFacts(startProcess(), row, { ...state(bootId, over), facts: [] });
    /** A run whose lease this process of the agent has acknowledged. */
    const take = async (bootId: string): Promise<HeldRun> => {
      const [outcome] = await triggerRuns(t.db, [triggerItem(environmentId, "a")]);
      const held = { runId: outcome?.runId ?? "", epoch: 1 };
      await claimRuns(t.db, claimRequest(id, 1, { bootId }));
      await claimRuns(t.db, claimRequest(id, 0, { bootId, held: [held] }));
      return held;
    };
    const begin = async (bootId: string): Promise<HeldRun> => {
      const held = await take(bootId);
      await startRuns(t.db, id, [held]);
      return held;
    };
    const run = async ({ runId }: HeldRun) => {
      const text = "select state, attempt, reason from runs where id = $1";
      return (await t.query(text, [runId]))[0];
    };
    const seen = async () => {
      const text =
        'select drains_itself as "drainsItself", warm, held_back as "heldBack", last_error as "lastError" from agents where id = $1';
      return (await t.query(text, [id]))[0];
    };
    const deployment = { id: deploymentId, environmentId };
    return {
      id,
      poolId,
      environmentId,
      bundleHash,
      deployment,
      poll,
      pollByNeighbour,
      report,
      take,
      begin,
      run,
      seen,
    };
  };
  return { startProcess, place };
};

/** Cases of agents and what the API remembers of them. `t` is there while a case runs. */
export const describeAgents = (
  subject: string,
  cases: (t: TestDatabase, scene: ReturnType<typeof sceneOf>) => void,
): void =>
  describe.each(testDrivers)(`${subject} on $name`, ({ open }) => {
    const t = openLater(open);
    cases(t, sceneOf(t));
  });
