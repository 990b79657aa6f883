import { z } from "zod";
import { BundleHash } from "./deployments.ts";
import { machineNames } from "./machines.ts";
import { ImageName, KeepAlive } from "./manifest.ts";
import { PacketType } from "./packets.ts";
import { RunContext } from "./run-context.ts";
import { LogLine } from "./runs.ts";
import { Count, WireTime } from "./scalars.ts";
import { DeploymentSignature } from "./signatures.ts";
import { TaskError } from "./task-error.ts";

/** Version of this protocol, sent as `x-longshore-protocol` on each request; another one is answered with 426. */
export const agentProtocolVersion = 1;

/** Audience of the Ed25519-signed token that an agent makes for itself (`kid` = agent id, at most 15 minutes). */
export const agentTokenAudience = "longshore-agent";

/** `POST /agent/v1/enrol`: a one-time token and a public key (raw Ed25519, base64url) become an agent. */
export const EnrolBody = z.object({
  token: z.string().min(1).max(200),
  publicKey: z.string().regex(/^[\w-]{43}$/),
  name: z.string().min(1).max(128),
  version: z.string().max(64),
});
export type EnrolBody = z.infer<typeof EnrolBody>;
export const EnrolResponse = z.object({ agentId: z.string(), poolId: z.string() });
export type EnrolResponse = z.infer<typeof EnrolResponse>;

/** A run that the agent holds a process or container for. */
export const HeldRun = z.object({
  runId: z.string(),
  epoch: Count,
  /** It is being ended, or has ended and will be reported: orders about it are not repeated. */
  isEnding: z.boolean().optional(),
});
export type HeldRun = z.infer<typeof HeldRun>;

/** What one item of a batch gave. `isOmitted`: it gave more than an answer carries; the batch's results have it. */
export const CompletedItem = z.object({
  id: z.string(),
  ok: z.boolean(),
  taskIdentifier: z.string(),
  output: z.string().nullish(),
  outputType: PacketType.nullish(),
  isOmitted: z.boolean().optional(),
  error: TaskError.nullish(),
});
export type CompletedItem = z.infer<typeof CompletedItem>;

/** What a wait point gave, as the continued run receives it. `items`: those of a batch, in order of their index. */
export const CompletedWait = z.object({
  id: z.string(),
  kind: z.enum(["time", "run", "token", "batch"]),
  ok: z.boolean(),
  runId: z.string().nullish(),
  taskIdentifier: z.string().nullish(),
  output: z.string().nullish(),
  outputType: PacketType.nullish(),
  error: TaskError.nullish(),
  isOmitted: z.boolean().optional(),
  batchId: z.string().nullish(),
  items: z.array(CompletedItem).nullish(),
});
export type CompletedWait = z.infer<typeof CompletedWait>;

/** What a run waits for. The id is made by the caller, so that a repeated report makes nothing twice; a child run's
 * wait point was made when the child was triggered and is found by the child's id, a batch's by the batch's. Units: `at` in ISO 8601. */
export const WaitSpec = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("time"), id: z.string(), at: WireTime }),
  z.object({ kind: z.literal("run"), runId: z.string() }),
  z.object({ kind: z.literal("token"), id: z.string() }),
  z.object({ kind: z.literal("batch"), batchId: z.string() }),
]);
export type WaitSpec = z.infer<typeof WaitSpec>;

/** The right to execute a run until it is lost, and everything needed to do so. */
export const Lease = z.object({
  runId: z.string(),
  epoch: Count,
  attempt: Count,
  /** `start`: a new attempt. `continue`: the attempt this agent already holds a process for goes on. */
  kind: z.enum(["start", "continue"]),
  task: z.string(),
  payload: z.string().nullable(),
  payloadType: PacketType,
  /** Where a stored payload (`application/store`) is fetched; relative to the API, or an address of its own. */
  payloadUrl: z.string().nullish(),
  deployment: z.object({
    id: z.string(),
    version: z.string(),
    bundleHash: BundleHash,
    entry: z.string(),
    /** Its processes may serve several runs. */
    keepAlive: KeepAlive.nullish(),
    /** Its runs need containers of this image; the agent's own otherwise. */
    image: ImageName.nullish(),
    /** What whoever deployed it has signed; an agent with pinned keys believes nothing else. */
    signature: DeploymentSignature.nullish(),
  }),
  environmentId: z.string(),
  env: z.record(z.string(), z.string()),
  /** Names of those whose values no log may show. */
  secretEnv: z.array(z.string()).optional(),
  machine: z.enum(machineNames),
  /** Units: seconds of execution, waits excluded. */
  maxDurationS: z.number().nullable(),
  context: RunContext,
  runToken: z.string(),
  waits: z.array(CompletedWait),
});
export type Lease = z.infer<typeof Lease>;

/** Something the agent must do about a run it holds. `cancel`: ask, then force, then report `canceled`. `stop`: the
 * lease is gone; end the process and report nothing. */
export const Order = z.object({
  kind: z.enum(["cancel", "stop"]),
  runId: z.string(),
  epoch: Count,
  reason: z.string(),
});
export type Order = z.infer<typeof Order>;

/** CPUs and memory of an agent's host. Units: MiB. */
const Room = z.object({ cpu: z.number().min(0).max(100_000), memoryMb: z.int().min(0).max(1_000_000_000) });

/** The longest lease that an agent may ask for: an hour and a margin. Units: milliseconds. */
export const leaseMsMax = 3_605_000;

const AgentState = z.object({
  /** New for each start of the agent's process: two at once are a cloned identity. */
  bootId: z.string(),
  /** What the agent knows of its pool's wake-ups; opaque. Null on the first call. */
  cursor: z.string().nullable(),
  /** How many more runs it can take now. */
  free: z.int().min(0).max(10_000),
  /** How many runs it can execute in all. */
  slots: z.int().min(0).max(10_000),
  /** What the machines of the runs it takes now may add up to; left out where only their number counts. */
  room: Room.optional(),
  /** How long its leases should stand without an acknowledged request; left out: as long as the API likes. What it got is in each answer. */
  leaseMs: z.int().min(0).max(leaseMsMax).optional(),
  held: z.array(HeldRun).max(10_000),
});

/** `POST /agent/v1/poll`: parked until there is work, an order, or the hold is over. */
export const PollBody = AgentState.extend({
  holdMs: z.int().min(0).max(60_000),
  version: z.string().max(64),
  runtime: z.string().max(64),
  draining: z.boolean().optional(),
  /** The drain was asked for on the agent's own host: what the API says does not end it. */
  drainsItself: z.boolean().optional(),
  /** Why it takes no runs now, or fewer than it has slots for: a full disk, an engine that does not start anything. */
  heldBack: z.string().max(1_000).nullish(),
  /** Runners that are ready and have no run. */
  warm: z.int().min(0).max(10_000).optional(),
  /** The agent's last warning or error, for people who look at it from elsewhere. */
  lastError: z.object({ at: WireTime, message: z.string().max(1_000) }).nullish(),
  /** What it may give to its runs in all. */
  capacity: Room.optional(),
  /** `region`: where it is. It takes runs that name this region or none, and of the others only labels that it has. */
  labels: z.record(z.string(), z.string()).optional(),
});
export type PollBody = z.infer<typeof PollBody>;

const Work = z.object({
  cursor: z.string(),
  leases: z.array(Lease),
  orders: z.array(Order),
  /** Of versions that became current lately: to be fetched before a run needs them. Answers of a poll alone. */
  bundles: z.array(BundleHash).max(64).optional(),
  /**
   * How long the request was held before what this answer tells of was done, the leases' renewal with it; left out: not
   * at all. Units: milliseconds.
   */
  renewedAfterMs: z.int().min(0).optional(),
  settings: z.object({
    /** How often an agent that holds runs must be heard. */
    beatMs: z.int(),
    /**
     * After this long without an acknowledged request the agent must stop executing what it holds. The API keeps what the
     * agent asked for in a row before it answers so: nobody else gets its runs for as long, whatever is said later.
     */
    leaseMs: z.int(),
    holdMs: z.int(),
    drain: z.boolean(),
  }),
});
export const PollResponse = Work;
export type PollResponse = z.infer<typeof PollResponse>;

const factBase = { seq: z.int().min(1), runId: z.string(), epoch: Count, at: WireTime };

/** Something that happened to a run on the agent. Facts of a run are applied in the order of `seq`. */
export const Fact = z.discriminatedUnion("kind", [
  z.object({ ...factBase, kind: z.literal("started") }),
  z.object({ ...factBase, kind: z.literal("waiting"), waits: z.array(WaitSpec).min(1).max(1_000) }),
  z.object({
    ...factBase,
    kind: z.literal("completed"),
    output: z.string().nullable(),
    outputType: PacketType,
    executedMs: z.number().min(0),
  }),
  z.object({
    ...factBase,
    kind: z.literal("failed"),
    error: TaskError,
    /** `skip`: never try again. `delayMs`: instead of the policy's own pause. */
    retry: z.object({ skip: z.boolean().optional(), delayMs: z.number().min(0).optional() }).optional(),
    executedMs: z.number().min(0),
  }),
  z.object({ ...factBase, kind: z.literal("canceled"), executedMs: z.number().min(0) }),
  /** The run could not be started; `retryable: false` when no agent could. */
  z.object({
    ...factBase,
    kind: z.literal("released"),
    reason: z.string().max(2_000),
    retryable: z.boolean(),
  }),
  z.object({ ...factBase, kind: z.literal("log"), lines: z.array(LogLine).min(1).max(1_000) }),
]);
export type Fact = z.infer<typeof Fact>;

/** `POST /agent/v1/report`: facts, a beat, and (with `free` > 0) a claim of the next work. */
export const ReportBody = AgentState.extend({ facts: z.array(Fact).max(2_000) });
export type ReportBody = z.infer<typeof ReportBody>;

/** What became of a fact. Anything but an error status is final: the agent forgets the fact. `ready` answers `waiting`
 * when everything was complete already: the run goes on at once with `waits`, under the same epoch. */
export const FactResult = z.object({
  seq: z.int(),
  result: z.enum(["moved", "repeated", "refused", "missing", "ready"]),
  waits: z.array(CompletedWait).optional(),
});
export type FactResult = z.infer<typeof FactResult>;

export const ReportResponse = Work.extend({ results: z.array(FactResult) });
export type ReportResponse = z.infer<typeof ReportResponse>;
