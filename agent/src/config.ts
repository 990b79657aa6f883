import { availableParallelism, homedir, hostname, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { SigningKeyName } from "@longshore/shared/contract/signatures";
import { z } from "zod";
import { filteredNetwork, whyNoCidr } from "./core/egress.ts";

const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** What an agent needs to know; every other setting comes from the API. */
export const AgentConfig = z.object({
  /** Address of the API. */
  url: z.url(),
  /** One-time token; needed only until the agent has an identity. */
  enrolToken: z.string().min(1).optional(),
  name: z.string().min(1).max(128),
  /** Identity, outbox, bundles and run folders. */
  dataDir: z.string().min(1),
  /** `dataDir` as the Docker engine's host sees it: another path only when the agent runs in a container. */
  hostDataDir: z.string().min(1),
  runtime: z.enum(["docker", "process", "auto"]),
  /** How many runs may execute at once. */
  slots: wholeNumber(1, 1_000),
  /** What runs may be given together: of the runtime's host what is to be had, when absent. Units: CPUs, MiB. */
  cpus: z.number().min(0.25).max(10_000).optional(),
  memoryMb: wholeNumber(256, 100_000_000).optional(),
  /** Runner containers that wait for runs. */
  pool: z.object({
    min: wholeNumber(0, 1_000),
    buffer: wholeNumber(0, 1_000),
    idleMs: z.int().min(0),
    memoryMbMax: wholeNumber(0, 1_000_000),
    forked: wholeNumber(0, 1_000),
  }),
  /** With less free memory on the host, idle containers go first and then the runs that wait. Units: MiB. */
  memoryFreeMbMin: wholeNumber(0, 10_000_000),
  /** What the unpacked code of deployments may take on disk. Units: MiB. */
  bundlesMbMax: wholeNumber(1, 10_000_000),
  /** Image of the runs' containers; when absent, the public one or the local base that stands in for it. */
  runnerImage: z.string().min(1).optional(),
  /** Docker network of the runs' containers: `filtered`, `none` (only the agent's socket), or one of the operator's. */
  network: z.string().min(1),
  /** Where nobody can filter it, runs go without one instead of not at all: for a try-out, whose tasks are known. */
  goesWithoutNetwork: z.boolean(),
  /** What the filtered network lets through besides the internet. Shape: CIDRs. */
  egressAllow: z.array(z.string()),
  /** Where a helper with more rights says that it has set the rules of the filtered network. */
  egressMark: z.string().min(1).optional(),
  /** A runtime of the Docker engine's, such as `runsc`; its default one when absent. */
  containerRuntime: z.string().min(1).optional(),
  /** Public keys of those whose deployments are executed; with none, everybody's. */
  trustedKeys: z.array(SigningKeyName),
  /** Runners connect by TCP instead of a shared socket: where the agent listens, and under which name they find it. */
  runnerTcp: z
    .object({ host: z.string().min(1), port: wholeNumber(1, 65_535), name: z.string().min(1) })
    .optional(),
  /** Address of the Docker engine; its default socket when absent. */
  dockerHost: z.string().min(1).optional(),
  /** Where people and Prometheus may ask what the agent is doing; nowhere when absent. */
  listen: z.object({ host: z.string(), port: wholeNumber(0, 65_535) }).optional(),
  /** With less than this on the data folder's disk nothing is claimed. Units: MiB. */
  diskFreeMinMb: wholeNumber(1, 1_000_000),
  /** A container that takes longer to start counts as not started. Units: seconds. */
  startS: wholeNumber(1, 600),
  /** How long runs go on while the API is not heard; as long as the API likes, when absent. Units: milliseconds. */
  silentMs: wholeNumber(1_000, 3_600_000).optional(),
  /** What runs may ask for, and people see. */
  labels: z.record(z.string(), z.string()),
  /** How long a run goes on without an agent, e.g. while that is upgraded. Units: milliseconds. */
  orphanGraceMs: z.int().min(100),
  /** How long a runner whose run executes may say nothing. Units: milliseconds. */
  runnerSilentMs: z.int().min(1_000),
  /** Ends the runs with the agent instead of leaving them to its next start: for embedded use. */
  endRunsOnStop: z.boolean(),
});
export type AgentConfig = Readonly<z.infer<typeof AgentConfig>>;

const text = z.string().trim().min(1);
const cidrs = z.string().transform((list, context) => {
  const all = list
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  for (const why of all.map(whyNoCidr)) if (why !== null) context.addIssue(why);
  return all;
});

const Listen = z.string().transform((said, ctx) => {
  const [, host = "127.0.0.1", port] = /^(?:(.*):)?(\d{1,5})$/.exec(said.trim()) ?? [];
  if (port !== undefined && Number(port) <= 65_535) {
    return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
  }
  ctx.addIssue("a port of this host, or an address and a port, e.g. 127.0.0.1:9464");
  return z.NEVER;
});

const Labels = z.string().transform((said, ctx) => {
  const pairs = said.split(",").map((part) => /^\s*([\w.-]{1,64})=([^,=]{1,128}?)\s*$/.exec(part));
  if (pairs.every((pair) => pair !== null) && pairs.length <= 32) {
    return Object.fromEntries(pairs.map((pair) => [pair[1] ?? "", pair[2] ?? ""]));
  }
  ctx.addIssue("names and values, e.g. region=eu-1,disk=ssd");
  return z.NEVER;
});

/** The variables, and what each should be. */
const Environment = z.object({
  LONGSHORE_URL: z.url({ error: "the address of the API, e.g. https://longshore.example.com" }),
  LONGSHORE_ENROL_TOKEN: text.optional(),
  LONGSHORE_AGENT_NAME: text.max(128).optional(),
  LONGSHORE_AGENT_DATA: text.optional(),
  LONGSHORE_AGENT_HOST_DATA: text.optional(),
  LONGSHORE_RUNTIME: z.enum(["docker", "process", "auto"]).default("auto"),
  LONGSHORE_SLOTS: wholeNumber(1, 1_000).optional(),
  LONGSHORE_CPUS: z.coerce.number().min(0.25).max(10_000).optional(),
  LONGSHORE_MEMORY_MB: wholeNumber(256, 100_000_000).optional(),
  LONGSHORE_POOL_MIN: wholeNumber(0, 1_000).optional(),
  LONGSHORE_POOL_BUFFER: wholeNumber(0, 1_000).optional(),
  LONGSHORE_POOL_IDLE_S: wholeNumber(0, 86_400).optional(),
  LONGSHORE_POOL_MEMORY_MB: wholeNumber(0, 1_000_000).optional(),
  LONGSHORE_POOL_FORKED: wholeNumber(0, 1_000).optional(),
  LONGSHORE_MEMORY_FREE_MB: wholeNumber(0, 10_000_000).optional(),
  LONGSHORE_BUNDLES_MB: wholeNumber(1, 10_000_000).optional(),
  LONGSHORE_RUNNER_IMAGE: text.optional(),
  LONGSHORE_NETWORK: text
    .refine((name) => name !== "host" && !name.startsWith("container:"), {
      error: `"${filteredNetwork}", "none" or a Docker network of its own: runs never share the host's or another's`,
    })
    .default(filteredNetwork),
  LONGSHORE_EGRESS_ALLOW: cidrs.optional(),
  LONGSHORE_EGRESS_MARK: text.optional(),
  LONGSHORE_CONTAINER_RUNTIME: text.optional(),
  LONGSHORE_AGENT_LISTEN: Listen.optional(),
  LONGSHORE_AGENT_LABELS: Labels.optional(),
  LONGSHORE_DISK_FREE_MIN: wholeNumber(1, 1_000_000).optional(),
  LONGSHORE_START_SECONDS: wholeNumber(1, 600).optional(),
  LONGSHORE_SILENT_SECONDS: wholeNumber(30, 3_600).optional(),
  LONGSHORE_TRUSTED_KEYS: z
    .string()
    .transform((list) =>
      list
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== ""),
    )
    .pipe(
      z
        .array(SigningKeyName, { error: "not a list" })
        .min(1, "at least one key, as `longshore signing-key` prints it"),
    )
    .optional(),
  LONGSHORE_RUNNER_TCP: z
    .string()
    .regex(/^[^\s:]+:\d{1,5}$/, { error: "an address and a port, e.g. 172.17.0.1:4747" })
    .optional(),
  LONGSHORE_RUNNER_TCP_NAME: text.optional(),
  DOCKER_HOST: text.optional(),
});

/** The names of all variables that an agent reads. */
export const agentVariables: readonly string[] = Object.keys(Environment.shape);

/** A variable is missing or wrong; the message names it and says what it should be. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigError";
  }
}

export const defaultSlots = (): number => Math.max(4, availableParallelism() * 4);
export const defaultDataDir = (): string => join(homedir(), ".longshore", "agent");
/** A tenth of the machine: what waits should never be what a run is missing. */
export const defaultPool = (): AgentConfig["pool"] => ({
  min: 1,
  buffer: 1,
  idleMs: 300_000,
  memoryMbMax: Math.round(totalmem() / 10 / 1024 / 1024),
  forked: 1,
});
/** Enough for the engine and the agent to go on with. Units: MiB. */
export const defaultMemoryFreeMb = (): number => Math.round(totalmem() / 20 / 1024 / 1024);
export const defaultBundlesMb = 2_048;
export const defaultOrphanGraceMs = 10 * 60 * 1000;
/** A runner beats every five seconds; a host that has no time for it for so long has none for its runs. */
const defaultRunnerSilentMs = 2 * 60 * 1000;

/**
 * Fills what a caller leaves open, e.g. `longshore dev`, which starts an agent in its own process.
 *
 * Errors: `ConfigError`.
 */
export const agentConfig = (given: Partial<AgentConfig> & { url: string; dataDir: string }): AgentConfig => {
  const dataDir = resolve(given.dataDir);
  const parsed = AgentConfig.safeParse({
    name: hostname(),
    hostDataDir: dataDir,
    runtime: "auto",
    slots: defaultSlots(),
    pool: defaultPool(),
    bundlesMbMax: defaultBundlesMb,
    memoryFreeMbMin: defaultMemoryFreeMb(),
    network: filteredNetwork,
    goesWithoutNetwork: false,
    egressAllow: [],
    trustedKeys: [],
    orphanGraceMs: defaultOrphanGraceMs,
    runnerSilentMs: defaultRunnerSilentMs,
    endRunsOnStop: false,
    diskFreeMinMb: 256,
    startS: 30,
    labels: {},
    ...given,
    dataDir,
  });
  if (parsed.success) return Object.freeze(parsed.data);
  const issue = parsed.error.issues[0];
  throw new ConfigError(`The agent's setting "${issue?.path.join(".")}" is wrong: ${issue?.message}.`);
};

const poolFrom = (vars: z.infer<typeof Environment>): AgentConfig["pool"] => {
  const standard = defaultPool();
  const idleS = vars.LONGSHORE_POOL_IDLE_S;
  return {
    min: vars.LONGSHORE_POOL_MIN ?? standard.min,
    buffer: vars.LONGSHORE_POOL_BUFFER ?? standard.buffer,
    idleMs: idleS === undefined ? standard.idleMs : idleS * 1_000,
    memoryMbMax: vars.LONGSHORE_POOL_MEMORY_MB ?? standard.memoryMbMax,
    forked: vars.LONGSHORE_POOL_FORKED ?? standard.forked,
  };
};

const tcpFrom = (vars: z.infer<typeof Environment>): AgentConfig["runnerTcp"] => {
  const [host, port] = (vars.LONGSHORE_RUNNER_TCP ?? "").split(":");
  if (!host) return undefined;
  return { host, port: Number(port), name: vars.LONGSHORE_RUNNER_TCP_NAME ?? host };
};

/** A runner that has no agent does not end a run that may still go on. */
const silenceFrom = (seconds: number | undefined): Pick<AgentConfig, "silentMs" | "orphanGraceMs"> => ({
  silentMs: seconds === undefined ? undefined : seconds * 1_000,
  orphanGraceMs: Math.max(defaultOrphanGraceMs, (seconds ?? 0) * 1_000),
});

/** Reads the environment once. Errors: `ConfigError`. */
export const readConfig = (env: Record<string, string | undefined>): AgentConfig => {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new ConfigError(`The agent cannot start with these variables:\n  ${lines.join("\n  ")}`);
  }
  const vars = parsed.data;
  const isShut =
    vars.LONGSHORE_NETWORK === filteredNetwork && (vars.LONGSHORE_EGRESS_ALLOW ?? []).length === 0;
  if (vars.LONGSHORE_RUNNER_TCP && (isShut || vars.LONGSHORE_NETWORK === "none")) {
    throw new ConfigError(
      "LONGSHORE_RUNNER_TCP is an address that containers could not reach: name it in LONGSHORE_EGRESS_ALLOW, or set LONGSHORE_NETWORK to a network of yours.",
    );
  }
  const dataDir = resolve(vars.LONGSHORE_AGENT_DATA ?? defaultDataDir());
  return agentConfig({
    url: vars.LONGSHORE_URL,
    enrolToken: vars.LONGSHORE_ENROL_TOKEN,
    name: vars.LONGSHORE_AGENT_NAME ?? hostname(),
    dataDir,
    hostDataDir: vars.LONGSHORE_AGENT_HOST_DATA ?? dataDir,
    runtime: vars.LONGSHORE_RUNTIME,
    slots: vars.LONGSHORE_SLOTS ?? defaultSlots(),
    cpus: vars.LONGSHORE_CPUS,
    memoryMb: vars.LONGSHORE_MEMORY_MB,
    pool: poolFrom(vars),
    bundlesMbMax: vars.LONGSHORE_BUNDLES_MB ?? defaultBundlesMb,
    memoryFreeMbMin: vars.LONGSHORE_MEMORY_FREE_MB ?? defaultMemoryFreeMb(),
    runnerImage: vars.LONGSHORE_RUNNER_IMAGE,
    network: vars.LONGSHORE_NETWORK,
    egressAllow: vars.LONGSHORE_EGRESS_ALLOW ?? [],
    egressMark: vars.LONGSHORE_EGRESS_MARK,
    containerRuntime: vars.LONGSHORE_CONTAINER_RUNTIME,
    trustedKeys: vars.LONGSHORE_TRUSTED_KEYS ?? [],
    runnerTcp: tcpFrom(vars),
    dockerHost: vars.DOCKER_HOST,
    listen: vars.LONGSHORE_AGENT_LISTEN,
    ...(vars.LONGSHORE_AGENT_LABELS ? { labels: vars.LONGSHORE_AGENT_LABELS } : {}),
    ...(vars.LONGSHORE_DISK_FREE_MIN ? { diskFreeMinMb: vars.LONGSHORE_DISK_FREE_MIN } : {}),
    ...(vars.LONGSHORE_START_SECONDS ? { startS: vars.LONGSHORE_START_SECONDS } : {}),
    ...silenceFrom(vars.LONGSHORE_SILENT_SECONDS),
  });
};
