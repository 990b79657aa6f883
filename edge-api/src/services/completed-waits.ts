import type { CompletedItem, CompletedWait } from "@longshore/shared/contract/agent-protocol";
import { type PacketType, packetTypes } from "@longshore/shared/contract/packets";
import type { TaskError } from "@longshore/shared/contract/task-error";
import { type EndedItem, readEndedItems } from "../db/queries/read-batches.ts";
import type { Deps } from "./deps.ts";
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

/** Outputs of a batch that one answer carries: a frame to the runner holds 16 MB. Units: characters. */
const itemCharsMax = 8 * 1024 * 1024;

export const packetTypeOf = (type: string | null): PacketType =>
  packetTypes.find((known) => known === type) ?? "application/json";

const toItems = (ended: readonly EndedItem[]): CompletedItem[] => {
  let chars = 0;
  return ended.map((item) => {
    const base = { id: item.id, taskIdentifier: item.taskIdentifier };
    if (item.state !== "completed") return { ...base, ok: false, error: taskErrorOf(item) };
    const outputType = packetTypeOf(item.outputType);
    chars += item.output?.length ?? 0;
    if (chars > itemCharsMax) return { ...base, ok: true, output: null, outputType, isOmitted: true };
    return { ...base, ok: true, output: item.output, outputType };
  });
};

/**
 * Completed wait points as a run receives them, each batch with what its runs gave.
 * Cost: nothing, or one round trip when there is a batch among them.
 */
export const toCompletedWaits = async (deps: Deps, rows: readonly WaitRow[]): Promise<CompletedWait[]> => {
  const batchIds = rows.flatMap(({ batchId }) => (batchId === null ? [] : [batchId]));
  const ended = batchIds.length === 0 ? [] : await readEndedItems(deps.db, batchIds);
  return rows.map(({ batchId, ...row }) => ({
    ...row,
    ok: row.error === null,
    outputType: packetTypeOf(row.outputType),
    ...(batchId === null
      ? {}
      : { batchId, items: toItems(ended.filter((item) => item.batchId === batchId)) }),
  }));
};
