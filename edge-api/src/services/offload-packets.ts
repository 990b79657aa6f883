import type { Fact } from "@longshore/shared/contract/agent-protocol";
import { isOverBytes, outputTooLarge, packetBytesMax } from "@longshore/shared/contract/packet-limits";
import { randomText } from "@longshore/shared/core/ids";
import { findRunEnvironments } from "../db/queries/find-run-environments.ts";
import type { TriggerItem } from "../db/transitions/trigger-runs.ts";
import type { Deps } from "./deps.ts";
import { storeRunPacket } from "./packets.ts";

/** Packets over this leave the row: polls and rows stay small. Units: bytes. */
const payloadBytesMax = 512 * 1024;
const outputBytesMax = 128 * 1024;

/** The trigger with a large payload moved to the blob store. Cost: nothing for a small one. */
export const offloadPayload = async (deps: Deps, item: TriggerItem): Promise<TriggerItem> => {
  const { payload, payloadType, environmentId } = item;
  if (payload === null || payloadType === "application/store" || !isOverBytes(payload, payloadBytesMax))
    return item;
  const run = { environmentId, runId: item.id, kind: "payload" };
  const path = await storeRunPacket(deps, run, { data: payload, type: payloadType });
  return { ...item, payload: path, payloadType: "application/store" };
};

type Completed = Extract<Fact, { kind: "completed" }>;

const tooLarge = ({ seq, runId, epoch, at, executedMs }: Completed): Fact => ({
  ...{ seq, runId, epoch, at, executedMs },
  ...outputTooLarge,
});

/**
 * The facts with large outputs moved to the blob store, each under a new name: a report whose lease is gone overwrites
 * nothing. An output that no packet holds fails its attempt. Cost: nothing without one.
 */
export const offloadOutputs = async (deps: Deps, facts: readonly Fact[]): Promise<Fact[]> => {
  const isLarge = (fact: Fact): fact is Completed & { output: string } =>
    fact.kind === "completed" &&
    fact.output !== null &&
    fact.outputType !== "application/store" &&
    isOverBytes(fact.output, outputBytesMax);
  const large = facts.filter(isLarge);
  if (large.length === 0) return [...facts];
  const environments = await findRunEnvironments(
    deps.db,
    large.map(({ runId }) => runId),
  );
  return Promise.all(
    facts.map(async (fact) => {
      if (!isLarge(fact)) return fact;
      if (isOverBytes(fact.output, packetBytesMax)) return tooLarge(fact);
      const environmentId = environments.get(fact.runId);
      if (environmentId === undefined) return fact;
      const run = { environmentId, runId: fact.runId, kind: `output_${randomText(16)}` };
      const output = await storeRunPacket(deps, run, { data: fact.output, type: fact.outputType });
      return { ...fact, output, outputType: "application/store" as const };
    }),
  );
};
