import type { Lease } from "@longshore/shared/contract/agent-protocol";
import type { AgentConfig } from "../config.ts";
import { attackBundle, type attackTasks } from "./attacks.ts";
import { type Harness, makeHarness } from "./harness.ts";
import { makeLease } from "./make-lease.ts";

export type Attack = keyof typeof attackTasks;

export type AttackStage = {
  harness: Harness;
  agentId: string;
  start(attack: Attack, payload?: object, over?: Partial<Lease>): Lease;
  /** What a run answered. Errors: when it did not complete. */
  outputOf(runId: string, ms?: number): Promise<unknown>;
  /** Starts one and waits for what it answers; the caller knows its shape. */
  run<T>(attack: Attack, payload?: object, ms?: number): Promise<T>;
  /** Ends a run that would go on for ever. */
  stop(runId: string): void;
};

/** An agent on a real engine, with a bundle of attacks. */
export const openAttackStage = async (over: Partial<AgentConfig>): Promise<AttackStage> => {
  const harness = await makeHarness({ runtime: "docker", ...over });
  const hash = harness.api.addBundle(await attackBundle());
  const { agentId } = await harness.start().catch(async (error: unknown) => {
    await harness.close();
    throw error;
  });
  const stage: AttackStage = {
    harness,
    agentId,
    start(attack, payload = {}, changed = {}) {
      const lease = makeLease(hash, attack, { payload: JSON.stringify(payload), ...changed });
      harness.api.lease(lease);
      return lease;
    },
    async outputOf(runId, ms = 60_000) {
      const final = await harness.final(runId, ms);
      if (final.kind !== "completed") throw new Error(`the attack ended otherwise: ${JSON.stringify(final)}`);
      return final.outputType === "text/plain" ? final.output : JSON.parse(final.output ?? "null").json;
    },
    run: async <T>(attack: Attack, payload?: object, ms?: number) =>
      (await stage.outputOf(stage.start(attack, payload).runId, ms)) as T,
    stop: (runId) => harness.api.order({ kind: "stop", runId, epoch: 1, reason: "the test is over" }),
  };
  return stage;
};
