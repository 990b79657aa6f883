import { z } from "zod";
import { CompletedWait, WaitSpec } from "./agent-protocol.ts";
import { KeepAlive } from "./manifest.ts";
import { PacketType } from "./packets.ts";
import { RunContext } from "./run-context.ts";
import { LogLine } from "./runs.ts";
import { Count, WireTime } from "./scalars.ts";
import { TaskError } from "./task-error.ts";

export { frameBytesMax, runnerProtocolVersion } from "./runner-limits.ts";

/** What the runner needs to execute one run; paths are as the runner sees them. */
export const RunnerJob = z.object({
  runId: z.string(),
  epoch: Count,
  attempt: Count,
  task: z.string(),
  payload: z.string().nullable(),
  payloadType: PacketType,
  bundleDir: z.string(),
  entry: z.string(),
  env: z.record(z.string(), z.string()),
  /** Names of those whose values no log may show. */
  secretEnv: z.array(z.string()).optional(),
  maxDurationS: z.number().nullable(),
  /** Heap ceiling of the executor. Units: MiB. */
  oldSpaceMb: z.int().nullable(),
  /** The executor may serve further runs of this code, so many in all. */
  keepAlive: KeepAlive.nullish(),
  context: RunContext,
});
export type RunnerJob = z.infer<typeof RunnerJob>;

const runFact = { runId: z.string(), epoch: Count, at: WireTime };

/** Facts as the runner sees them; the agent gives them their place in its outbox. */
export const RunnerFact = z.discriminatedUnion("kind", [
  z.object({ ...runFact, kind: z.literal("started") }),
  z.object({ ...runFact, kind: z.literal("waiting"), waits: z.array(WaitSpec).min(1) }),
  z.object({
    ...runFact,
    kind: z.literal("completed"),
    output: z.string().nullable(),
    outputType: PacketType,
    executedMs: z.number(),
  }),
  z.object({
    ...runFact,
    kind: z.literal("failed"),
    error: TaskError,
    retry: z.object({ skip: z.boolean().optional(), delayMs: z.number().optional() }).optional(),
    executedMs: z.number(),
  }),
  z.object({ ...runFact, kind: z.literal("canceled"), executedMs: z.number() }),
  z.object({ ...runFact, kind: z.literal("log"), lines: z.array(LogLine).min(1) }),
]);
export type RunnerFact = z.infer<typeof RunnerFact>;

/** Agent → runner. */
export const AgentFrame = z.discriminatedUnion("t", [
  /** Answers `hello`; frames up to `ack` have arrived before. */
  z.object({ t: z.literal("welcome"), ack: z.int() }),
  z.object({ t: z.literal("run"), job: RunnerJob }),
  /** `wait`: the `seq` of the fact that opened the wait; a frame for another wait is a repeat and is ignored. */
  z.object({
    t: z.literal("continue"),
    runId: z.string(),
    epoch: Count,
    wait: z.int(),
    waits: z.array(CompletedWait),
  }),
  /** Abort the run's signal; after `graceMs` end its executor. */
  z.object({ t: z.literal("cancel"), runId: z.string(), graceMs: z.int() }),
  z.object({ t: z.literal("ack"), seq: z.int() }),
  /** Answers `hello` and `beat`: the run may execute for so long from now on; the next one extends it. Units: ms; 0 or
   * less: not at all. */
  z.object({ t: z.literal("lease"), leftMs: z.int() }),
  z.object({
    t: z.literal("response"),
    id: z.int(),
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
  }),
  /** Start an executor without code, so that Node is up when the first job comes; answered by `ready`. */
  z.object({ t: z.literal("fork") }),
  /** End the executor, if any, and exit. */
  z.object({ t: z.literal("shutdown") }),
]);
export type AgentFrame = z.infer<typeof AgentFrame>;

/** Runner → agent. Facts are kept by the runner until acknowledged and sent again after a reconnect. */
export const RunnerFrame = z.discriminatedUnion("t", [
  z.object({
    t: z.literal("hello"),
    protocol: z.int(),
    token: z.string(),
    running: z.object({ runId: z.string(), epoch: Count }).nullable(),
  }),
  z.object({ t: z.literal("fact"), seq: z.int(), fact: RunnerFact }),
  /** A call of the run's own SDK to the API; the agent sends it with the run's token. */
  z.object({
    t: z.literal("request"),
    id: z.int(),
    runId: z.string(),
    method: z.string(),
    path: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.string().nullable(),
  }),
  /** Before a wait with what the container takes now, as far as it can be seen. Units: bytes. */
  z.object({
    t: z.literal("beat"),
    runId: z.string().nullable(),
    memoryBytes: z.number().nullable().optional(),
  }),
  /**
   * Nothing runs. `isPrepared`: the next executor has the code already; `isUp`: it has none, but Node is up in it. Units:
   * what the container takes now, in bytes.
   */
  z.object({
    t: z.literal("ready"),
    isPrepared: z.boolean(),
    isUp: z.boolean().optional(),
    memoryBytes: z.number().nullable(),
  }),
]);
export type RunnerFrame = z.infer<typeof RunnerFrame>;
