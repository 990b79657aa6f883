import { z } from "zod";

const WireDate = z.iso.datetime();

/** Letters that a scope, a name or an id may need; no control characters. */
const Scope = z
  .string()
  .min(1)
  .max(300)
  .regex(/^[^\s\p{Cc}]+(?: [^\s\p{Cc}]+)*$/u, "must be a scope such as read:runs:run_123");

const Name = z.string().trim().min(1).max(100);

/** An instant, as ISO 8601 with its zone. */
const Instant = z.iso.datetime({ offset: true });

/** Most keys that work at once in one environment. */
export const apiKeysMax = 100;

/** Named sets of scopes. Source of their content: edge-api's domain/scopes.ts. */
export const apiKeyPresets = ["full", "trigger-only", "read-only"] as const;

/** `POST /api/v1/api-keys`. Without preset and scopes the key may do what its maker may. */
export const CreateApiKeyBody = z
  .object({
    name: Name,
    preset: z.enum(apiKeyPresets).optional(),
    scopes: z.array(Scope).min(1).max(100).optional(),
    expiresAt: Instant.optional(),
  })
  .refine(({ preset, scopes }) => preset === undefined || scopes === undefined, {
    path: ["scopes"],
    message: "give either a preset or scopes",
  });
export type CreateApiKeyBody = z.infer<typeof CreateApiKeyBody>;

/** A key as lists show it: its last four characters, never itself. */
export const ApiKeyItem = z.object({
  id: z.string(),
  name: z.string(),
  hint: z.string(),
  /** Null: unrestricted. */
  scopes: z.array(z.string()).nullable(),
  status: z.enum(["active", "grace", "revoked", "expired"]),
  createdAt: WireDate,
  expiresAt: WireDate.optional(),
  revokedAt: WireDate.optional(),
  /** Revoked, but works until then. */
  graceUntil: WireDate.optional(),
});
export type ApiKeyItem = z.infer<typeof ApiKeyItem>;

export const ApiKeyList = z.object({ data: z.array(ApiKeyItem) });
export type ApiKeyList = z.infer<typeof ApiKeyList>;

/** The only answer that carries the key itself. */
export const CreatedApiKey = ApiKeyItem.extend({ key: z.string() });
export type CreatedApiKey = z.infer<typeof CreatedApiKey>;

/** `POST /api/v1/api-keys/:id/revoke`. Units: seconds; at most thirty days. */
export const RevokeApiKeyBody = z.object({
  graceSeconds: z.int().min(0).max(2_592_000).default(0),
});

/** `POST /api/v1/session/tokens`. */
export const CreatePersonalTokenBody = z.object({ name: Name, expiresAt: Instant.optional() });
export type CreatePersonalTokenBody = z.infer<typeof CreatePersonalTokenBody>;

export const PersonalTokenItem = z.object({
  id: z.string(),
  name: z.string(),
  hint: z.string(),
  status: z.enum(["active", "revoked", "expired"]),
  createdAt: WireDate,
  expiresAt: WireDate.optional(),
  revokedAt: WireDate.optional(),
});
export type PersonalTokenItem = z.infer<typeof PersonalTokenItem>;

export const PersonalTokenList = z.object({ data: z.array(PersonalTokenItem) });
export type PersonalTokenList = z.infer<typeof PersonalTokenList>;

/** The only answer that carries the token itself. */
export const CreatedPersonalToken = PersonalTokenItem.extend({ token: z.string() });
export type CreatedPersonalToken = z.infer<typeof CreatedPersonalToken>;

/** `POST /api/v1/auth/public-tokens`. Source: the client wire contract, 2.4. */
export const CreatePublicTokenBody = z.object({
  scopes: z.array(Scope).min(1).max(500),
  /** Unix seconds, a duration such as 15m, or an ISO 8601 instant. Default: 15 minutes. */
  expirationTime: z.union([z.string().min(1).max(100), z.number()]).optional(),
  oneTimeUse: z.boolean().optional(),
  realtime: z.object({ skipColumns: z.array(z.string().min(1).max(100)).max(50).optional() }).optional(),
});
export type CreatePublicTokenBody = z.infer<typeof CreatePublicTokenBody>;

export const PublicTokenResponse = z.object({ token: z.string() });

/** `POST /api/v1/auth/jwt/claims`: what a caller that signs for itself puts into its tokens. */
export const JwtClaims = z.object({ sub: z.string(), pub: z.literal(true) });
export type JwtClaims = z.infer<typeof JwtClaims>;
