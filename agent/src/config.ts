import { availableParallelism, homedir, hostname } from "node:os";
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
  /** Image of the runs' containers; when absent, the public one or the local base that stands in for it. */
  runnerImage: z.string().min(1).optional(),
  /** Docker network of the runs' containers: `filtered`, `none` (only the agent's socket), or one of the operator's. */
  network: z.string().min(1),
  /** What the filtered network lets through besides the internet. Shape: CIDRs. */
  egressAllow: z.array(z.string()),
  /** Where a helper with more rights says that it has set the rules of the filtered network. */
  egressMark: z.string().min(1).optional(),
  /** A runtime of the Docker engine's, such as `runsc`; its default one when absent. */
  containerRuntime: z.string().min(1).optional(),
  /** Public keys of those whose deployments are executed; with none, everybody's. */
  trustedKeys: z.array(SigningKeyName),
  /** Address of the Docker engine; its default socket when absent. */
  dockerHost: z.string().min(1).optional(),
  /** How long a run goes on without an agent, e.g. while that is upgraded. Units: milliseconds. */
  orphanGraceMs: z.int().min(100),
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

/** The variables, and what each should be. */
const Environment = z.object({
  LONGSHORE_URL: z.url({ error: "the address of the API, e.g. https://longshore.example.com" }),
  LONGSHORE_ENROL_TOKEN: text.optional(),
  LONGSHORE_AGENT_NAME: text.max(128).optional(),
  LONGSHORE_AGENT_DATA: text.optional(),
  LONGSHORE_AGENT_HOST_DATA: text.optional(),
  LONGSHORE_RUNTIME: z.enum(["docker", "process", "auto"]).default("auto"),
  LONGSHORE_SLOTS: wholeNumber(1, 1_000).optional(),
  LONGSHORE_RUNNER_IMAGE: text.optional(),
  LONGSHORE_NETWORK: text
    .refine((name) => name !== "host" && !name.startsWith("container:"), {
      error: `"${filteredNetwork}", "none" or a Docker network of its own: runs never share the host's or another's`,
    })
    .default(filteredNetwork),
  LONGSHORE_EGRESS_ALLOW: cidrs.optional(),
  LONGSHORE_EGRESS_MARK: text.optional(),
  LONGSHORE_CONTAINER_RUNTIME: text.optional(),
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
  DOCKER_HOST: text.optional(),
});

/** A variable is missing or wrong; the message names it and says what it should be. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigError";
  }
}

export const defaultSlots = (): number => Math.max(4, availableParallelism() * 4);
export const defaultDataDir = (): string => join(homedir(), ".longshore", "agent");
export const defaultOrphanGraceMs = 10 * 60 * 1000;

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
    network: filteredNetwork,
    egressAllow: [],
    trustedKeys: [],
    orphanGraceMs: defaultOrphanGraceMs,
    endRunsOnStop: false,
    ...given,
    dataDir,
  });
  if (parsed.success) return Object.freeze(parsed.data);
  const issue = parsed.error.issues[0];
  throw new ConfigError(`The agent's setting "${issue?.path.join(".")}" is wrong: ${issue?.message}.`);
};

/** Reads the environment once. Errors: `ConfigError`. */
export const readConfig = (env: Record<string, string | undefined>): AgentConfig => {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new ConfigError(`The agent cannot start with these variables:\n  ${lines.join("\n  ")}`);
  }
  const vars = parsed.data;
  const dataDir = resolve(vars.LONGSHORE_AGENT_DATA ?? defaultDataDir());
  return agentConfig({
    url: vars.LONGSHORE_URL,
    enrolToken: vars.LONGSHORE_ENROL_TOKEN,
    name: vars.LONGSHORE_AGENT_NAME ?? hostname(),
    dataDir,
    hostDataDir: vars.LONGSHORE_AGENT_HOST_DATA ?? dataDir,
    runtime: vars.LONGSHORE_RUNTIME,
    slots: vars.LONGSHORE_SLOTS ?? defaultSlots(),
    runnerImage: vars.LONGSHORE_RUNNER_IMAGE,
    network: vars.LONGSHORE_NETWORK,
    egressAllow: vars.LONGSHORE_EGRESS_ALLOW ?? [],
    egressMark: vars.LONGSHORE_EGRESS_MARK,
    containerRuntime: vars.LONGSHORE_CONTAINER_RUNTIME,
    trustedKeys: vars.LONGSHORE_TRUSTED_KEYS ?? [],
    dockerHost: vars.DOCKER_HOST,
  });
};
