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
  /** Runners that are ready and have no run. */
  warm: z.int(),
  /** Whether an operator asked for the drain, here; and whether somebody did on the agent's own host. */
  isDrained: z.boolean(),
  drainsItself: z.boolean(),
  /** Why it takes no runs, or fewer than it has slots; null when nothing is wrong with its host. */
  heldBack: z.string().nullable(),
  /** Its last warning or error. */
  lastError: z.object({ at: WireDate, message: z.string() }).nullable(),
  lastSeenAt: WireDate.nullable(),
  /** How long its runs go on while the API does not hear it, and after how long others get them. Units: milliseconds. */
  silence: z.object({ runsForMs: z.int(), lostAfterMs: z.int() }),
  enrolledAt: WireDate,
  labels: z.record(z.string(), z.string()),
});
export type AgentItem = z.infer<typeof AgentItem>;
export const AgentList = z.object({ data: z.array(AgentItem) });
export type AgentList = z.infer<typeof AgentList>;

/** `POST /api/v1/agents/:id/drain` and `/undrain`. */
export const AgentDrain = z.object({ id: z.string(), isDrained: z.boolean() });
export type AgentDrain = z.infer<typeof AgentDrain>;

/** What is queued for one kind of agents, and what those have free. */
const ScaleOfPlace = z.object({
  region: z.string().nullable(),
  slots: z.int(),
  free: z.int(),
  queued: z.int(),
  /** What the machines of the queued ones add up to. Units: CPUs, MiB. */
  cpus: z.number(),
  memoryMb: z.number(),
  oldestQueuedS: z.number().nullable(),
});

/**
 * `GET /api/v1/agents/scale`: what an autoscaler of the environment's pool needs. `wanted` is how many slots the pool's
 * runs could use now: those that hold one, and those queued ones that no limit, pause or missing version holds back.
 */
export const ScaleHint = z.object({
  poolId: z.string(),
  /** Slots that agents are to have in all. */
  wanted: z.int(),
  /** Of agents that are online and take runs. */
  slots: z.int(),
  free: z.int(),
  /** Runs that hold a slot. */
  running: z.int(),
  /** Queued runs that could start if there were a slot. It is counted up to `queuedMax`. */
  queued: z.int(),
  queuedMax: z.int(),
  agents: z.object({ online: z.int(), draining: z.int() }),
  /** How long the oldest of the queued ones has waited; null when there is none. Units: seconds. */
  oldestQueuedS: z.number().nullable(),
  /** The same by region, of runs without labels; `region` of null: runs that may execute anywhere, and agents that tell none. */
  regions: z.array(ScaleOfPlace),
  /** Queued runs that ask for labels, by what they ask for; `slots` and `free` are those of agents that have it. */
  labelled: z.array(ScaleOfPlace.extend({ labels: z.record(z.string(), z.string()) })),
});
export type ScaleHint = z.infer<typeof ScaleHint>;

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
