import { ApiError, RateLimitError } from "./http/api-error.ts";

/** The steps of a batch's trigger: reading and storing the payloads, making the batch, sending its items. */
export type BatchTriggerPhase = "offload" | "create" | "stream";

const doing: Record<BatchTriggerPhase, string> = {
  offload: "its payloads could not be prepared",
  create: "the batch could not be created",
  stream: "its items could not be sent",
};

/** A batch was not triggered, or not wholly: `phase` says which step failed, `batchId` is there once it was created. */
export class BatchTriggerError extends Error {
  readonly phase: BatchTriggerPhase;
  readonly batchId: string | undefined;
  readonly itemCount: number;
  readonly isRateLimited: boolean;
  /** Units: milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly apiError: ApiError | undefined;

  constructor(details: {
    phase: BatchTriggerPhase;
    itemCount: number;
    batchId?: string | undefined;
    cause: unknown;
  }) {
    const { phase, itemCount, batchId, cause } = details;
    const why = cause instanceof Error ? cause.message : String(cause);
    const which = batchId === undefined ? "Batch" : `Batch ${batchId}`;
    super(`${which} of ${itemCount} items: ${doing[phase]}: ${why}`, { cause });
    this.name = "BatchTriggerError";
    this.phase = phase;
    this.batchId = batchId;
    this.itemCount = itemCount;
    this.apiError = cause instanceof ApiError ? cause : undefined;
    this.isRateLimited = this.apiError?.status === 429;
    this.retryAfterMs = cause instanceof RateLimitError ? cause.millisecondsUntilReset : undefined;
  }
}
