import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { reconnectDelayMs } from "@longshore/shared/core/back-off";
import { type Clock, systemClock } from "@longshore/shared/core/clock";
import { newId } from "@longshore/shared/core/ids";
import { bootTime } from "./adapters/boot-time.ts";
import { createBundleStore } from "./adapters/bundles.ts";
import { createContainerRecords } from "./adapters/container-records.ts";
import { createControlPlane } from "./adapters/control-plane.ts";
import { lockData } from "./adapters/data-lock.ts";
import { freeBytes } from "./adapters/disk-space.ts";
import { freeMemoryMb } from "./adapters/free-memory.ts";
import { createHttpClient, type HttpClient } from "./adapters/http-client.ts";
import {
  enrol,
  findIdentity,
  hashEnrolToken,
  type Identity,
  makeAgentKey,
  saveIdentity,
} from "./adapters/identity.ts";
import { createJsonLogger } from "./adapters/json-logger.ts";
import { serveLocalApi } from "./adapters/local-api.ts";
import { openOutbox } from "./adapters/outbox.ts";
import { createOpenRunnerSocket } from "./adapters/runner-socket.ts";
import { AgentError } from "./agent-error.ts";
import { createView, type ViewParts } from "./agent-view.ts";
import { buildRunner } from "./build-runner.ts";
import { chooseRuntime } from "./choose-runtime.ts";
import type { AgentConfig } from "./config.ts";
import { createContainers } from "./containers.ts";
import { createAdmission } from "./core/admission.ts";
import type { AgentStatus } from "./core/agent-status.ts";
import { createContact } from "./core/contact.ts";
import { createMeter } from "./core/meter.ts";
import { createPrefetch } from "./create-prefetch.ts";
import type { Development } from "./development.ts";
import { createExecutions } from "./executions.ts";
import { findCapacity } from "./find-capacity.ts";
import { listenAt } from "./listen-at.ts";
import { eventsLoop } from "./loops/events.ts";
import { fenceLoop } from "./loops/fence.ts";
import { hostLoop } from "./loops/host.ts";
import type { LoopDeps, LoopEnd } from "./loops/loop.ts";
import { pollLoop } from "./loops/poll.ts";
import { flushReports, reportLoop } from "./loops/report.ts";
import { reconcileOnce, sweepLoop } from "./loops/sweep.ts";
import { meterStarts } from "./meter-starts.ts";
import { placeRunner } from "./place-runner.ts";
import { poolGeneration } from "./pool-generation.ts";
import type { ContainerRuntime } from "./ports/container-runtime.ts";
import type { Logger } from "./ports/logger.ts";
import { rememberErrors } from "./remember-errors.ts";
import { agentVersion } from "./version.ts";
import { watchStarts } from "./watch-starts.ts";

export type { AgentStatus } from "./core/agent-status.ts";

export type AgentDeps = {
  clock?: Clock;
  logger?: Logger;
  random?: () => number;
  /** Folder with `runner.cjs` and `executor.cjs`; built from source when absent. */
  runnerDir?: string;
  /** Gives up starting (enrolment waits for the API). */
  signal?: AbortSignal;
  development?: Development;
};

export type Agent = {
  agentId: string;
  /** Settles when the API has acknowledged a poll; never when it does not. */
  accepted: Promise<void>;
  status(): AgentStatus;
  /** Takes no more runs, or takes them again; as `longshore agent drain` on this host. */
  drain(isDraining: boolean): void;
  /** Stops claiming, reports what is known, and lets go; runs go on unless the config says otherwise. */
  stop(): Promise<void>;
  /** Settles when the agent has ended: by `stop`, or because it can never succeed again. */
  done: Promise<LoopEnd>;
};

/** How long the last report of a stopping agent may take. Units: milliseconds. */
const flushMs = 5_000;
const mib = 1024 * 1024;
/** One container or waiting run goes each time that memory is found short. Units: milliseconds. */
const memoryWatchMs = 2_000;
const enrolLimits = { minMs: 250, maxMs: 10_000 };

type Base = {
  clock: Clock;
  logger: Logger;
  random: () => number;
  http: HttpClient;
  signal: AbortSignal;
  development?: Development;
};

/** Errors: `AgentError` when the API refuses the token. Waits as long as the API cannot be reached. */
const obtainIdentity = async (config: AgentConfig, base: Base): Promise<Identity> => {
  const known = await findIdentity(config.dataDir);
  const { enrolToken } = config;
  if (known && (!enrolToken || known.enrolledWith === hashEnrolToken(enrolToken))) return known;
  if (!enrolToken) {
    throw new AgentError(
      "This agent has no identity yet. Set LONGSHORE_ENROL_TOKEN to a token from the dashboard (Agents, Add agent).",
    );
  }
  const key = await makeAgentKey();
  for (let failures = 0; ; failures++) {
    const input = { token: enrolToken, name: config.name, version: agentVersion, key };
    const outcome = await enrol(base.http, config.url, input, base.signal);
    if (outcome.kind === "ok") {
      await saveIdentity(config.dataDir, outcome.value);
      base.logger.info("enrolled", { agentId: outcome.value.agentId, url: config.url });
      return outcome.value;
    }
    if (outcome.kind === "cut") throw new AgentError("The agent was stopped before it was enrolled.");
    if (outcome.kind !== "retry") {
      if (!known) throw new AgentError(outcome.reason);
      base.logger.warn("the enrol token was refused; going on with the identity there is", {
        reason: outcome.reason,
      });
      return known;
    }
    if (failures === 0) base.logger.warn("waiting for the API", { url: config.url, reason: outcome.reason });
    await base.clock.sleep(reconnectDelayMs(failures, enrolLimits, base.random), base.signal);
  }
};

/**
 * Makes this machine an agent without starting it.
 *
 * Errors: `AgentError` when the API refuses the token. Cost: one request.
 */
export const enrolAgent = async (
  config: AgentConfig,
  given: AgentDeps = {},
): Promise<{ agentId: string }> => {
  const http = createHttpClient();
  try {
    await mkdir(config.dataDir, { recursive: true, mode: 0o711 });
    const { agentId } = await obtainIdentity(config, {
      clock: given.clock ?? systemClock,
      logger: given.logger ?? createJsonLogger(),
      random: given.random ?? Math.random,
      http,
      signal: given.signal ?? new AbortController().signal,
    });
    return { agentId };
  } finally {
    http.close();
  }
};

/**
 * Starts an agent in this process: enrols it if need be, takes up what an earlier process left, and works until it is
 * stopped or can never succeed again. Why it ended is for the caller to say.
 *
 * Errors: `AgentError`, `ConfigError`. Cost: one request when it must enrol.
 */
export const startAgent = async (config: AgentConfig, given: AgentDeps = {}): Promise<Agent> => {
  const clock = given.clock ?? systemClock;
  const { logger, last } = rememberErrors(given.logger ?? createJsonLogger(), clock);
  const random = given.random ?? Math.random;
  const http = createHttpClient();
  await mkdir(config.dataDir, { recursive: true, mode: 0o711 });
  // Containers of another user mount folders from below; the files with secrets are closed by their own mode.
  await chmod(config.dataDir, 0o711);
  const unlock = await lockData(config.dataDir);
  try {
    const signal = given.signal ?? new AbortController().signal;
    const runnerFrom = given.runnerDir ?? (await buildRunner());
    const runnerDir = await placeRunner(runnerFrom, config.dataDir);
    const identity = await obtainIdentity(config, { clock, logger, random, http, signal });
    const base: Base = { clock, logger, random, http, signal };
    if (given.development) base.development = given.development;
    const wired = await wire(config, identity, runnerDir, base);
    const release = async () => {
      http.close();
      await unlock();
    };
    return await run(config, identity, { ...wired, lastError: last }, release);
  } catch (error) {
    http.close();
    await unlock();
    throw error;
  }
};

/** Makes every part; nothing works yet. */
const wire = async (config: AgentConfig, identity: Identity, runnerDir: string, base: Base) => {
  const { clock, logger, http, development } = base;
  const inData = (name: string) => join(config.dataDir, name);
  await mkdir(inData("runs"), { recursive: true, mode: 0o711 });
  await mkdir(inData("bundles"), { recursive: true, mode: 0o755 });
  const stopped = new AbortController();
  const admission = createAdmission(clock);
  const meter = createMeter(clock);
  const records = createContainerRecords(inData("runs"), logger);
  const chosen = await chooseRuntime(config, identity.agentId, {
    logger,
    clock,
    signal: base.signal,
    stopped: stopped.signal,
    leftContainers: async () =>
      (await records.list()).some(({ generation }) => generation.startsWith("docker ")),
    holdBack: (reason) => admission.obstacle("network", reason),
  });
  const runtime = watchStarts(chosen, admission, clock, config.startS * 1_000);
  const capacity = await findCapacity(config, chosen);
  const controlPlane = createControlPlane(http, config.url, identity, clock);
  const outbox = meterStarts(
    await openOutbox(inData("outbox.log"), undefined, logger),
    meter,
    admission.began,
  );
  const contact = createContact(clock, config.silentMs ?? null);
  const contacted = new Promise<void>((resolve) => {
    contact.onAcknowledged(resolve);
  });
  const isProcess = runtime.name === "process";
  const wanted = isProcess ? undefined : config.runnerTcp;
  const tcp = wanted ? await listenAt(wanted, logger) : null;
  const address = wanted ? `tcp://${wanted.name}:${wanted.port}` : null;
  const bundles = createBundleStore(inData("bundles"), controlPlane, config.bundlesMbMax * 1024 * 1024);
  const containers = createContainers({
    runtime,
    records,
    bundles,
    openSocket: tcp?.openSocket ?? createOpenRunnerSocket(logger),
    address,
    runnerDir,
    clock,
    logger,
    orphanGraceMs: config.orphanGraceMs,
    leaseMs: () => contact.settings().leaseMs,
    // A debugger finds one process at its port.
    keepsWarm: config.pool.idleMs > 0 && development?.inspect === undefined,
    inspect: development?.inspect ?? null,
    stopped: stopped.signal,
    slots: config.slots,
    memoryMb: capacity?.memoryMb ?? null,
    // A process takes no longer to start when a run is there than before: only code is worth keeping ready.
    pool: isProcess ? { ...config.pool, min: 0, buffer: 0 } : config.pool,
    isShort: () => freeMemoryMb() < config.memoryFreeMbMin,
    generation: poolGeneration(config, { runtime: runtime.name, runnerDir, address }),
  });
  const executions = createExecutions({
    containers,
    contacted,
    leftMs: contact.leftMs,
    outbox,
    controlPlane,
    clock,
    logger,
    runnerSilentMs: config.runnerSilentMs,
    stopped: stopped.signal,
    slots: config.slots,
    capacity,
    admission,
    trustedKeys: config.trustedKeys,
    remove: runtime.remove,
    development: development ?? null,
  });
  return {
    admission,
    capacity,
    meter,
    closeRunners: async () => tcp?.close(),
    base,
    runtime,
    containers,
    controlPlane,
    outbox,
    records,
    stopped,
    executions,
    contact,
    contacted,
    prefetch: createPrefetch(bundles, logger, stopped.signal, config.trustedKeys),
  };
};

const run = async (
  config: AgentConfig,
  identity: Identity,
  wired: Awaited<ReturnType<typeof wire>> & Pick<ViewParts, "lastError">,
  release: () => Promise<void>,
): Promise<Agent> => {
  const { base, runtime, controlPlane, outbox, executions, contact, stopped } = wired;
  const { clock, logger, random } = base;
  const loops: Record<string, string> = {};
  let drainsHere = false;
  const stopLoops = new AbortController();
  const bootId = newId("boot", await bootTime(config.dataDir, clock.now()));
  const shared = {
    controlPlane,
    executions,
    outbox,
    contact,
    clock,
    logger,
    random,
    bootId,
    slots: config.slots,
    capacity: wired.capacity,
    meter: wired.meter,
    drainsHere: () => drainsHere,
    prefetch: wired.prefetch,
    view: () => {
      const { lastError, pool, problems } = status();
      const heldBack = problems.length > 0 ? problems.join("; ").slice(0, 1_000) : null;
      return { warm: pool.generic + pool.warm, lastError, heldBack };
    },
  };
  const depsFor = (name: string): LoopDeps & { runtime: ContainerRuntime } => ({
    ...shared,
    runtime,
    say: (doing) => {
      loops[name] = doing;
    },
  });
  // Before the first poll: what it says is held must be what is there. Records that cannot be read are no reason to
  // believe that there are none.
  await wired.containers.loadDormant();
  let isHeard = true;
  try {
    await reconcileOnce(depsFor("sweep"));
    await wired.records.removeStrays(outbox);
    wired.containers.settle();
  } catch (error) {
    isHeard = false;
    executions.setRuntimeAlive(false);
    logger.warn("the runtime does not answer yet", { runtime: runtime.name, why: String(error) });
  }
  const status = createView({ config, identity, ...wired, loops, drainsHere: () => drainsHere });
  const drain = (isDraining: boolean): void => {
    drainsHere = isDraining;
    executions.setDraining(isDraining);
  };
  const closeLocalApi = await serveLocalApi(config.dataDir, config.listen ?? null, { status, drain });
  const { signal } = stopLoops;
  const labels = { ...config.labels, name: config.name };
  const host = {
    admission: wired.admission,
    executions,
    outbox,
    clock,
    logger,
    freeBytes,
    dataDir: config.dataDir,
  };
  const running = [
    pollLoop({ ...depsFor("poll"), version: agentVersion, runtime: runtime.name, labels }, signal),
    reportLoop(depsFor("report"), signal),
    eventsLoop(depsFor("events"), isHeard, signal),
    sweepLoop(depsFor("sweep"), signal),
    fenceLoop(depsFor("fence"), signal),
    hostLoop({ ...host, freeBytesMin: config.diskFreeMinMb * mib, say: depsFor("host").say }, signal),
  ];
  const watch = setInterval(() => {
    if (freeMemoryMb() < config.memoryFreeMbMin) executions.relieve();
  }, memoryWatchMs).unref();
  const finish = async (first: LoopEnd): Promise<LoopEnd> => {
    clearInterval(watch);
    stopLoops.abort();
    await Promise.allSettled(running);
    stopped.abort();
    if (config.endRunsOnStop) await executions.endAll();
    else await executions.detachAll();
    if (first.kind === "stopped") await flushReports(depsFor("report"), AbortSignal.timeout(flushMs));
    await outbox.close();
    await wired.closeRunners();
    await closeLocalApi();
    await release();
    return first;
  };
  // A loop that throws broke an invariant: the agent ends, its supervisor starts it again, the runs are adopted.
  const failed = (error: unknown): LoopEnd => ({ kind: "fatal", reason: `internal error: ${String(error)}` });
  const done = Promise.race(running.map((loop) => loop.catch(failed))).then(finish);

  return {
    agentId: identity.agentId,
    accepted: wired.contacted,
    done,
    async stop() {
      executions.setDraining(true);
      stopLoops.abort();
      await done;
    },
    status,
    drain,
  };
};
