import { z } from "zod";
import { TagText } from "./scalars.ts";

/** Body of `POST /api/v1/runs/:runId/tags`. */
export const AddTagsBody = z.object({
  tags: z.union([TagText.transform((tag) => [tag]), z.array(TagText).max(100)]),
});
export const AddTagsResponse = z.object({ message: z.string() });

const Key = z.string().min(1).max(1_024);

/** One change of a run's metadata. A key that begins with `$.` is a path. Source: the client wire contract, 4.3. */
export const MetadataOperation = z.discriminatedUnion("type", [
  z.object({ type: z.literal("set"), key: Key, value: z.unknown() }),
  z.object({ type: z.literal("delete"), key: Key }),
  z.object({ type: z.literal("append"), key: Key, value: z.unknown() }),
  z.object({ type: z.literal("remove"), key: Key, value: z.unknown() }),
  z.object({ type: z.literal("increment"), key: Key, value: z.number() }),
  z.object({ type: z.literal("update"), key: Key, value: z.record(z.string(), z.unknown()) }),
]);
export type MetadataOperation = z.infer<typeof MetadataOperation>;

const Operations = z.array(MetadataOperation).max(1_000);

/** Body of `PUT /api/v1/runs/:runId/metadata`: replaced first, then changed; the same for its parent and its root. */
export const UpdateMetadataBody = z.object({
  metadata: z.record(z.string(), z.unknown()).nullish(),
  operations: Operations.nullish(),
  parentOperations: Operations.nullish(),
  rootOperations: Operations.nullish(),
});
export type UpdateMetadataBody = z.infer<typeof UpdateMetadataBody>;

export const RunMetadata = z.object({ metadata: z.record(z.string(), z.unknown()) });
export type RunMetadata = z.infer<typeof RunMetadata>;

/** Body of `POST /api/v1/runs/:runId/reschedule`: a date or a duration from now. */
export const RescheduleBody = z.object({
  delay: z
    .string()
    .min(1)
    .max(128)
    .meta({ examples: ["1h"] }),
});

/** Body of `POST /api/v1/idempotencyKeys/:key/reset`. */
export const ResetKeyBody = z.object({ taskIdentifier: z.string().min(1).max(256) });
export const ResetKeyResponse = z.object({ id: z.string() });
