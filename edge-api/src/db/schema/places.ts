import { sql } from "drizzle-orm";
import { check, index, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import { at, createdAt, oneOf } from "./columns.ts";

export const organizations = pgTable("organizations", {
  id: text("id").primaryKey(),
  slug: text("slug").notNull().unique(),
  name: text("name").notNull(),
  createdAt: createdAt(),
});

export const users = pgTable("users", {
  id: text("id").primaryKey(),
  email: text("email").notNull().unique(),
  name: text("name"),
  createdAt: createdAt(),
});

export const members = pgTable(
  "members",
  {
    organizationId: text("organization_id")
      .notNull()
      .references(() => organizations.id),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    role: text("role").notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.userId] }),
    check("members_role", oneOf(t.role, ["owner", "admin", "developer", "viewer"])),
  ],
);

export const projects = pgTable("projects", {
  id: text("id").primaryKey(),
  organizationId: text("organization_id")
    .notNull()
    .references(() => organizations.id),
  ref: text("ref").notNull().unique(),
  slug: text("slug").notNull(),
  name: text("name").notNull(),
  createdAt: createdAt(),
});

export const pools = pgTable("pools", {
  id: text("id").primaryKey(),
  organizationId: text("organization_id")
    .notNull()
    .references(() => organizations.id),
  name: text("name").notNull(),
  createdAt: createdAt(),
});

export const environments = pgTable(
  "environments",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id),
    poolId: text("pool_id")
      .notNull()
      .references(() => pools.id),
    slug: text("slug").notNull(),
    type: text("type").notNull(),
    parentEnvironmentId: text("parent_environment_id"),
    branchName: text("branch_name"),
    currentDeploymentId: text("current_deployment_id"),
    /** When it became the current one. */
    promotedAt: at("promoted_at"),
    /** A branch that was put away: nothing reaches it until it is made again. */
    archivedAt: at("archived_at"),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("environments_slug").on(t.projectId, t.slug, sql`coalesce(${t.branchName}, '')`),
    index("environments_promoted").on(t.poolId, t.promotedAt).where(sql`promoted_at is not null`),
    check("environments_type", oneOf(t.type, ["development", "staging", "production", "preview"])),
  ],
);
