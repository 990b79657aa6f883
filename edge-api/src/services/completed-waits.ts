import type { CompletedItem, CompletedWait } from "@longshore/shared/contract/agent-protocol";
import { type PacketType, packetBytesMax, packetTypes } from "@longshore/shared/contract/packets";
import type { TaskError } from "@longshore/shared/contract/task-error";
import { type EndedItem, readEndedItems } from "../db/queries/read-batches.ts";
import type { Deps } from "./deps.ts";
import { readPacket } from "./packets.ts";
import { taskErrorOf } from "./run-result.ts";

/** A completed wait point as the database has it. */
export type WaitRow = {
  id: string;
  kind: CompletedWait["kind"];
  runId: string | null;
  batchId: string | null;
  taskIdentifier: string | null;
  output: string | null;
  outputType: string | null;
  error: TaskError | null;
};

/** Outputs that one answer carries: any single one, and a frame to the runner holds 16 MB. Units: characters. */
const itemCharsMax = packetBytesMax;

export const packetTypeOf = (type: string | null): PacketType =>
  packetTypes.find((known) => known === type) ?? "application/json";

type Packet = { output: string | null; outputType: string | null };

/** Gives outputs until they are too much for one answer; stored ones are fetched, so that a run sees plain packets. */
const openBudget = (deps: Deps, environmentId: string) => {
  let left = itemCharsMax;
  return async ({ output, outputType }: Packet) => {
    const stored =
      outputType === "application/store" && output !== null && left > 0
        ? await readPacket(deps, { environmentId, path: output }, left)
        : null;
    const data = stored?.data ?? output;
    const type = packetTypeOf(stored?.type ?? outputType);
    left -= data?.length ?? 0;
    if (left < 0) return { output: null, outputType: type, isOmitted: true };
    return { output: data, outputType: type };
  };
};

const toItem = async (item: EndedItem, give: ReturnType<typeof openBudget>): Promise<CompletedItem> => {
  const base = { id: item.id, taskIdentifier: item.taskIdentifier };
  return item.state === "completed"
    ? { ...base, ok: true, ...(await give(item)) }
    : { ...base, ok: false, error: taskErrorOf(item) };
};

/**
 * Completed wait points as a run receives them, each batch with what its runs gave.
 * Cost: nothing; one round trip when there is a batch among them, and one read of the blob store for each stored output.
 */
export const toCompletedWaits = async (
  deps: Deps,
  environmentId: string,
  rows: readonly WaitRow[],
): Promise<CompletedWait[]> => {
  const batchIds = rows.flatMap(({ batchId }) => (batchId === null ? [] : [batchId]));
  const ended = batchIds.length === 0 ? [] : await readEndedItems(deps.db, batchIds);
  const give = openBudget(deps, environmentId);
  const waits: CompletedWait[] = [];
  for (const { batchId, ...row } of rows) {
    const items: CompletedItem[] = [];
    for (const item of ended) if (item.batchId === batchId) items.push(await toItem(item, give));
    const batch = batchId === null ? {} : { batchId, items };
    waits.push({ ...row, ok: row.error === null, ...(await give(row)), ...batch });
  }
  return waits;
};
