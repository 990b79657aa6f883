import { z } from "zod";
import { Pagination } from "./runs.ts";
import { StorableText, TagText } from "./scalars.ts";

/** Largest body that makes a token. Units: bytes. */
export const tokenBodyBytesMax = 10 * 1024;
/** Largest data that completes one. Units: bytes. */
export const tokenDataBytesMax = 3 * 1024 * 1024;

const idempotency = {
  idempotencyKey: StorableText.min(1).max(2_048).optional(),
  idempotencyKeyTTL: z.string().optional(),
};

/** Body of `POST /api/v1/waitpoints/tokens`. Source: the client wire contract, 4.8. */
export const CreateTokenBody = z.object({
  ...idempotency,
  /** A duration, or a date in ISO 8601. */
  timeout: z.string().optional(),
  tags: z.union([TagText.transform((tag) => [tag]), z.array(TagText)]).optional(),
});
export type CreateTokenBody = z.infer<typeof CreateTokenBody>;

export const CreateTokenResponse = z.object({ id: z.string(), isCached: z.boolean(), url: z.string() });
export type CreateTokenResponse = z.infer<typeof CreateTokenResponse>;

export const tokenStatuses = ["WAITING", "COMPLETED", "TIMED_OUT"] as const;
export type TokenStatus = (typeof tokenStatuses)[number];

const tokenFields = {
  id: z.string(),
  url: z.string(),
  status: z.enum(tokenStatuses),
  createdAt: z.iso.datetime(),
  completedAt: z.iso.datetime().optional(),
  /** When it times out, or did. */
  timeoutAt: z.iso.datetime().optional(),
  idempotencyKey: z.string().optional(),
  idempotencyKeyExpiresAt: z.iso.datetime().optional(),
  tags: z.array(z.string()),
};

export const WaitToken = z.object({
  ...tokenFields,
  output: z.string().optional(),
  outputType: z.string().optional(),
  outputIsError: z.boolean().optional(),
});
export type WaitToken = z.infer<typeof WaitToken>;

export const WaitTokenList = z.object({ data: z.array(z.object(tokenFields)), pagination: Pagination });
export type WaitTokenList = z.infer<typeof WaitTokenList>;

const commaList = z
  .string()
  .transform((value) => value.split(",").filter((part) => part.length > 0))
  .pipe(z.array(z.string()).max(100));
const epochMs = z.coerce.number().int().min(0).max(8_640_000_000_000_000);

/** Query of `GET /api/v1/waitpoints/tokens`. A token with any of the tags is listed. */
export const WaitTokenListQuery = z.object({
  "page[size]": z.coerce.number().int().min(1).max(100).default(25),
  "page[after]": z.string().optional(),
  "page[before]": z.string().optional(),
  "filter[status]": commaList.pipe(z.array(z.enum(tokenStatuses))).optional(),
  "filter[idempotencyKey]": z.string().optional(),
  "filter[tags]": commaList.optional(),
  "filter[createdAt][period]": z.string().optional(),
  "filter[createdAt][from]": epochMs.optional(),
  "filter[createdAt][to]": epochMs.optional(),
});
export type WaitTokenListQuery = z.infer<typeof WaitTokenListQuery>;

/** Body of `POST /api/v1/waitpoints/tokens/:id/complete`. */
export const CompleteTokenBody = z.object({ data: z.unknown().optional() });
export const CompleteTokenResponse = z.object({ success: z.literal(true) });

/** Body of `POST /engine/v1/runs/:runId/wait/duration`. */
export const WaitDurationBody = z.object({ ...idempotency, date: z.coerce.date() });
export type WaitDurationBody = z.infer<typeof WaitDurationBody>;
export const WaitDurationResponse = z.object({
  waitUntil: z.iso.datetime(),
  waitpoint: z.object({ id: z.string() }),
});
export type WaitDurationResponse = z.infer<typeof WaitDurationResponse>;
