import type {
  MetadataOperation,
  RunMetadata,
  UpdateMetadataBody,
} from "@longshore/shared/contract/run-edits";
import { applyMetadata, MetadataKeyError, MetadataNumberError } from "@longshore/shared/core/apply-metadata";
import { AppError } from "@longshore/shared/core/error-codes";
import { readRunMetadata } from "../db/queries/read-run-metadata.ts";
import { type MetadataWrite, writeRunMetadata } from "../db/transitions/edit-run.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { getReadableRun } from "./read-run.ts";
import { refuseDataFault } from "./refuse-unstorable.ts";
import { metadataBytesMax } from "./to-trigger-item.ts";
import { writeJson } from "./write-json.ts";

/** Each round one writer at least gets through, so this many may write at once. */
const triesMax = 100;
/** Longest pause before a round, so that losers do not meet again. Units: milliseconds. */
const pauseMsMax = 20;

type Family = NonNullable<Awaited<ReturnType<typeof readRunMetadata>>>;
type Member = Family["run"];

const change = (base: Record<string, unknown>, operations: readonly MetadataOperation[]) => {
  try {
    return applyMetadata(base, operations);
  } catch (error) {
    if (error instanceof MetadataKeyError) throw new AppError("bad_request", error.message);
    if (error instanceof MetadataNumberError) throw new AppError("unprocessable", error.message);
    throw error;
  }
};

const requireFit = (metadata: Record<string, unknown>): void => {
  if (new TextEncoder().encode(writeJson(metadata, "metadata")).length > metadataBytesMax)
    throw new AppError("payload_too_large", `metadata is over the limit of ${metadataBytesMax} bytes.`);
};

/** Also for what is only compared, as the value that `remove` names is: written as JSON it would be another one. */
const requireWritable = (body: UpdateMetadataBody): void => {
  for (const [name, value] of Object.entries(body)) writeJson(value ?? null, name);
};

const refuseUnstorable = refuseDataFault(
  "The metadata holds a value that cannot be stored, or is nested too deeply.",
);

/** What each member of the family is to have. A run without a parent or root is its own. */
const plan = (family: Family, body: UpdateMetadataBody): Map<string, MetadataWrite> => {
  const writes = new Map<string, MetadataWrite>();
  const apply = (member: Member, operations: readonly MetadataOperation[] | null | undefined): void => {
    if (operations == null || operations.length === 0) return;
    const base = writes.get(member.id)?.metadata ?? member.metadata ?? {};
    writes.set(member.id, { runId: member.id, version: member.version, metadata: change(base, operations) });
  };
  const { run } = family;
  if (body.metadata != null)
    writes.set(run.id, { runId: run.id, version: run.version, metadata: body.metadata });
  apply(run, body.operations);
  apply(family.parent ?? run, body.parentOperations);
  apply(family.root ?? run, body.rootOperations);
  for (const { metadata } of writes.values()) requireFit(metadata);
  return writes;
};

/**
 * `PUT /api/v1/runs/:runId/metadata`: reads, changes and writes until nobody else wrote in between.
 *
 * Errors: `not_found`; `bad_request` for a key that is no path; `unprocessable` for a number that is or grows too large, or a value that cannot be stored; `payload_too_large`; `unavailable` when others write all
 * the time. Cost: two round trips, and two more for each time that somebody else was first.
 */
export const updateRunMetadata = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  body: UpdateMetadataBody,
): Promise<RunMetadata> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  requireWritable(body);
  for (let tries = 0; tries < triesMax; tries++) {
    if (tries > 0) await pause(deps.random() * Math.min(pauseMsMax, tries));
    const family = await readRunMetadata(deps.db, principal.environmentId, runId);
    if (family === null) throw new AppError("not_found", "Run not found", { shouldRetry: false });
    const writes = plan(family, body);
    const isWritten =
      writes.size === 0 ||
      (await writeRunMetadata(deps.db, principal.environmentId, [...writes.values()]).catch(
        refuseUnstorable,
      ));
    if (isWritten) return { metadata: writes.get(runId)?.metadata ?? family.run.metadata ?? {} };
  }
  throw new AppError("unavailable", "The metadata of this run is being written by many at once; try again.");
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `GET /api/v1/runs/:runId/metadata`. Errors: `not_found`, `forbidden`. */
export const readMetadata = async (deps: Deps, principal: Principal, runId: string): Promise<RunMetadata> => {
  const { run } = await getReadableRun(deps, principal, runId);
  return { metadata: (run.metadata as Record<string, unknown> | null) ?? {} };
};
