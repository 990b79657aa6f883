import type { Lease } from "@longshore/shared/contract/agent-protocol";
import { defaultMachine, type MachinePreset, machinePresets } from "@longshore/shared/contract/machines";
import type { ClaimedLease } from "../db/transitions/claim-answer.ts";
import { packetTypeOf, toCompletedWaits } from "./completed-waits.ts";
import type { Deps } from "./deps.ts";
import { envOfRuns } from "./env-of-runs.ts";
import { packetAddress } from "./packets.ts";
import { signToken } from "./tokens.ts";
import { wireDate } from "./wire-date.ts";

/** A run token outlives any run it could belong to; what ends it is its lease. Units: seconds. */
const runTokenLifeS = 7 * 86_400;

const isMachine = (name: string): name is MachinePreset => Object.hasOwn(machinePresets, name);

/** Where the agent fetches a stored payload before the attempt: relative to this API, unless the store has its own address. */
const payloadAddress = async (deps: Deps, claimed: ClaimedLease): Promise<{ payloadUrl?: string }> => {
  if (claimed.isContinuation || claimed.payloadType !== "application/store" || claimed.payload === null)
    return {};
  const packet = { environmentId: claimed.environment.id, path: claimed.payload };
  return { payloadUrl: await packetAddress(deps, "GET", packet, "") };
};

/**
 * What an agent needs to execute a claimed run. Errors: a sentence when nothing could execute it: its
 * deployment is gone, or its variables cannot be read.
 */
export const toLease = async (
  deps: Deps,
  claimed: ClaimedLease,
): Promise<{ kind: "lease"; lease: Lease } | { kind: "orphan"; reason: string }> => {
  if (claimed.deployment === null)
    return { kind: "orphan", reason: "No deployment of this environment holds the task." };
  const variables = await envOfRuns(deps, claimed.environment.id);
  if (variables.kind === "unreadable") {
    const reason = `The variable "${variables.name}" was encrypted with a key that this API does not have.`;
    return { kind: "orphan", reason };
  }
  return { kind: "lease", lease: await leaseOf(deps, claimed, claimed.deployment, variables) };
};

/** What the task sees as `ctx`. What it costs is nothing: the machines are the team's own. */
const contextOf = (
  claimed: ClaimedLease,
  { id, shortCode, version, runtimeVersion }: NonNullable<ClaimedLease["deployment"]>,
  machine: MachinePreset,
): Lease["context"] => {
  const now = new Date().toISOString();
  return {
    attempt: { number: claimed.attempt, startedAt: now },
    run: {
      id: claimed.runId,
      tags: claimed.tags,
      isTest: claimed.isTest,
      isReplay: claimed.isReplay,
      createdAt: wireDate(claimed.createdAt),
      startedAt: now,
      ...(claimed.idempotencyKey === null ? {} : { idempotencyKey: claimed.idempotencyKey }),
      ...(claimed.idempotencyKeyScope === null ? {} : { idempotencyKeyScope: claimed.idempotencyKeyScope }),
      ...(claimed.maxAttempts === null ? {} : { maxAttempts: claimed.maxAttempts }),
      version,
      ...(claimed.maxDurationS === null ? {} : { maxDuration: claimed.maxDurationS }),
      priority: claimed.priority,
      durationMs: claimed.executedMs,
      costInCents: 0,
      baseCostInCents: 0,
      ...(claimed.parentRunId === null ? {} : { parentTaskRunId: claimed.parentRunId }),
      ...(claimed.rootRunId === null ? {} : { rootTaskRunId: claimed.rootRunId }),
      ...(claimed.region === null ? {} : { region: claimed.region }),
      ...(claimed.labels === null ? {} : { labels: claimed.labels }),
      ...(claimed.metadata === null ? {} : { metadata: claimed.metadata }),
    },
    task: { id: claimed.task, filePath: claimed.filePath ?? "" },
    queue: claimed.queue,
    environment: claimed.environment,
    organization: claimed.organization,
    project: claimed.project,
    machine: { name: machine, cpu: machinePresets[machine].cpu, memory: machinePresets[machine].memoryGb },
    ...(claimed.batchId === null ? {} : { batch: { id: claimed.batchId } }),
    deployment: {
      id,
      shortCode,
      version,
      runtime: "node",
      ...(runtimeVersion === null ? {} : { runtimeVersion }),
    },
  };
};

const leaseOf = async (
  deps: Deps,
  claimed: ClaimedLease,
  deployment: NonNullable<ClaimedLease["deployment"]>,
  { env, secrets }: { env: Record<string, string>; secrets: string[] },
): Promise<Lease> => {
  const { id, version, bundleHash, entry, keepAlive, image, signature } = deployment;
  const machine = isMachine(claimed.machine) ? claimed.machine : defaultMachine;
  const claims = { token_use: "run" as const, run: claimed.runId, epoch: claimed.epoch, scopes: ["admin"] };
  return {
    runId: claimed.runId,
    epoch: claimed.epoch,
    attempt: claimed.attempt,
    kind: claimed.isContinuation ? "continue" : "start",
    task: claimed.task,
    payload: claimed.payload,
    payloadType: packetTypeOf(claimed.payloadType),
    ...(await payloadAddress(deps, claimed)),
    deployment: {
      id,
      version,
      bundleHash,
      entry,
      signature,
      ...(keepAlive === null ? {} : { keepAlive }),
      ...(image === null ? {} : { image }),
    },
    environmentId: claimed.environment.id,
    env,
    secretEnv: secrets,
    machine,
    maxDurationS: claimed.maxDurationS,
    runToken: await signToken(deps, claimed.environment.id, claims, runTokenLifeS),
    waits: await toCompletedWaits(deps, claimed.environment.id, claimed.waits),
    context: contextOf(claimed, deployment, machine),
  };
};
