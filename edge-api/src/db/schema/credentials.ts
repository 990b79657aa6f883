import { sql } from "drizzle-orm";
import { boolean, check, index, integer, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { at, createdAt, oneOf } from "./columns.ts";
import { environments, pools, users } from "./places.ts";

export const apiKeys = pgTable("api_keys", {
  id: text("id").primaryKey(),
  environmentId: text("environment_id")
    .notNull()
    .references(() => environments.id),
  name: text("name").notNull(),
  keyHash: text("key_hash").notNull().unique(),
  hint: text("hint").notNull(),
  scopes: text("scopes").array(),
  expiresAt: at("expires_at"),
  revokedAt: at("revoked_at"),
  /** A revoked key still works until then. */
  graceUntil: at("grace_until"),
  createdAt: createdAt(),
});

/** A token of a person, for the CLI and for what spans environments. */
export const personalTokens = pgTable("personal_tokens", {
  id: text("id").primaryKey(),
  userId: text("user_id")
    .notNull()
    .references(() => users.id),
  name: text("name").notNull(),
  tokenHash: text("token_hash").notNull().unique(),
  hint: text("hint").notNull(),
  expiresAt: at("expires_at"),
  revokedAt: at("revoked_at"),
  createdAt: createdAt(),
});

/** One-time tokens that were used: their hash, until they would have expired. */
export const usedTokens = pgTable(
  "used_tokens",
  {
    tokenHash: text("token_hash").primaryKey(),
    expiresAt: at("expires_at").notNull(),
    /** Hash of the request that used it, when the client named it: that one may come again for a short while. */
    usedBy: text("used_by"),
    usedAt: at("used_at").notNull().default(sql`app_now()`),
  },
  (t) => [index("used_tokens_expiry").on(t.expiresAt)],
);

/** Variables of an environment. The value is encrypted; `key_id` names the key that did it. */
export const envVars = pgTable(
  "env_vars",
  {
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id),
    name: text("name").notNull(),
    sealed: text("sealed").notNull(),
    keyId: text("key_id").notNull(),
    isSecret: boolean("is_secret").notNull().default(false),
    createdAt: createdAt(),
    updatedAt: at("updated_at").notNull().default(sql`app_now()`),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.name] })],
);

export const signInTokens = pgTable("sign_in_tokens", {
  tokenHash: text("token_hash").primaryKey(),
  userId: text("user_id")
    .notNull()
    .references(() => users.id),
  expiresAt: at("expires_at").notNull(),
  createdAt: createdAt(),
});

/** A program waits for somebody in a browser to sign it in. Both codes are kept as hashes. */
export const signInRequests = pgTable(
  "sign_in_requests",
  {
    deviceHash: text("device_hash").primaryKey(),
    /** Keyed: the code is too short to stand a search of its plain hash. */
    userCodeHash: text("user_code_hash").notNull().unique(),
    status: text("status").notNull().default("pending"),
    machine: text("machine").notNull(),
    client: text("client").notNull(),
    /** Who decided. */
    userId: text("user_id").references(() => users.id),
    expiresAt: at("expires_at").notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    index("sign_in_requests_expiry").on(t.expiresAt),
    check("sign_in_requests_status", oneOf(t.status, ["pending", "approved", "refused", "collected"])),
    check("sign_in_requests_decided", sql`(${t.status} = 'pending') = (${t.userId} is null)`),
  ],
);

export const sessions = pgTable("sessions", {
  tokenHash: text("token_hash").primaryKey(),
  userId: text("user_id")
    .notNull()
    .references(() => users.id),
  expiresAt: at("expires_at").notNull(),
  createdAt: createdAt(),
});

export const enrolTokens = pgTable("enrol_tokens", {
  tokenHash: text("token_hash").primaryKey(),
  poolId: text("pool_id")
    .notNull()
    .references(() => pools.id),
  usesLeft: integer("uses_left").notNull().default(1),
  expiresAt: at("expires_at").notNull(),
  createdAt: createdAt(),
});
