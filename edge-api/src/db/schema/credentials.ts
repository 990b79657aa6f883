import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { at, createdAt } from "./columns.ts";
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
  createdAt: createdAt(),
});

export const signInTokens = pgTable("sign_in_tokens", {
  tokenHash: text("token_hash").primaryKey(),
  userId: text("user_id")
    .notNull()
    .references(() => users.id),
  expiresAt: at("expires_at").notNull(),
  createdAt: createdAt(),
});

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
