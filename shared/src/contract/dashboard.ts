import { z } from "zod";
import { ManifestTask } from "./manifest.ts";

const WireDate = z.iso.datetime();

/** A task of the environment's current deployment. */
export const TaskItem = ManifestTask.extend({
  version: z.string(),
  queued: z.int(),
  running: z.int(),
});
export const TaskList = z.object({ data: z.array(TaskItem) });
export type TaskList = z.infer<typeof TaskList>;

export const AgentItem = z.object({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  runtime: z.string(),
  status: z.enum(["online", "draining", "offline", "revoked"]),
  slots: z.int(),
  leased: z.int(),
  executing: z.int(),
  waiting: z.int(),
  lastSeenAt: WireDate.nullable(),
  enrolledAt: WireDate,
  labels: z.record(z.string(), z.string()),
});
export type AgentItem = z.infer<typeof AgentItem>;
export const AgentList = z.object({ data: z.array(AgentItem) });
export type AgentList = z.infer<typeof AgentList>;

export const SignInBody = z.object({ token: z.string().min(1).max(200) });

export const SessionEnvironment = z.object({
  id: z.string(),
  slug: z.string(),
  type: z.enum(["development", "staging", "production", "preview"]),
  projectId: z.string(),
  projectName: z.string(),
  projectRef: z.string(),
  organizationName: z.string(),
});

/** `GET /api/v1/session`: who is signed in and what they may look at. */
export const Session = z.object({
  user: z.object({ id: z.string(), email: z.string(), name: z.string().nullable() }),
  environments: z.array(SessionEnvironment),
});
export type Session = z.infer<typeof Session>;

/** `POST /api/v1/session/environments/:id/token`: a short-lived token that the SDK client takes as `accessToken`. */
export const EnvironmentToken = z.object({ token: z.string(), expiresAt: WireDate });
export type EnvironmentToken = z.infer<typeof EnvironmentToken>;

export const EnrolTokenResponse = z.object({ token: z.string(), expiresAt: WireDate });
