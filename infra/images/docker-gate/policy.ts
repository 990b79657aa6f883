import { createHash } from "node:crypto";
import { posix } from "node:path";
import { type Egress, egressFor, filteredNetwork, whyNoCidr } from "@longshore/agent/core/egress";

/** What this host lets its agent ask for. */
export type Policy = {
  /** Host folder from which containers may mount; the agent's data folder, seen at the same path by the gate. */
  dataDir: string;
  /** Docker networks that containers may join. */
  networks: readonly string[];
  /** The one network that may be made; null when the operator named another. */
  egress: Egress | null;
  /** Images that containers are made of; `*` stands for any characters but a slash. */
  images: readonly string[];
  /** Runtimes of which a container must ask for one; the engine's own where there are none. */
  runtimes: readonly string[];
  /** User and group of the containers' processes. */
  user: string;
  /** What one container may be given at most. Units: bytes, billionths of a CPU, processes. */
  memoryBytesMax: number;
  nanoCpusMax: number;
  pidsMax: number;
  /** Value of `gateLabel` on every container that was made through this gate. */
  owner: string;
};

/** A variable is missing or wrong; the message says what it should be. */
export class PolicyError extends Error {}

/** The agent's own mark on its containers. */
export const agentLabel = "dev.longshore.agent";
/** The gate's mark: what carries it was made through this gate, and nothing else is seen or touched. */
export const gateLabel = "dev.longshore.gate";

const gib = 1024 ** 3;
const list = (text: string | undefined): string[] =>
  (text ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");

const count = (name: string, text: string | undefined, otherwise: number): number => {
  if (!text) return otherwise;
  const number = Number(text);
  if (!(number > 0)) throw new PolicyError(`${name} should be a number above 0`);
  return number;
};

/** What the filtered network lets through. Errors: `PolicyError`. */
export const readAllowed = (env: Record<string, string | undefined>): string[] => {
  const allow = list(env.LONGSHORE_EGRESS_ALLOW);
  const wrong = allow.map(whyNoCidr).find((why) => why !== null);
  if (wrong) throw new PolicyError(`LONGSHORE_EGRESS_ALLOW: ${wrong}`);
  return allow;
};

/** Errors: `PolicyError`. The same data folder gives the same owner, so that a new gate knows the containers of the old. */
export const readPolicy = (env: Record<string, string | undefined>): Policy => {
  const dataDir = env.LONGSHORE_AGENT_DATA ?? "";
  if (
    !dataDir.startsWith("/") ||
    posix.normalize(dataDir) !== dataDir ||
    /.\/$|:/.test(dataDir) ||
    dataDir === "/"
  )
    throw new PolicyError(
      "LONGSHORE_AGENT_DATA should be the agent's data folder on this host, such as /var/lib/longshore",
    );
  const network = env.LONGSHORE_NETWORK || filteredNetwork;
  if (["host", "default"].includes(network) || network.startsWith("container:"))
    throw new PolicyError(
      "LONGSHORE_NETWORK should be a Docker network of its own: runs never share the host's or another's",
    );
  const allow = readAllowed(env);
  const egress = network === filteredNetwork ? egressFor(allow) : null;
  const chosen = list(env.LONGSHORE_GATE_IMAGES);
  const byDefault = [
    env.LONGSHORE_RUNNER_IMAGE || "node:22-bookworm-slim",
    "longshore-runner-base:*-local",
    "longshore-image:*",
  ];
  return {
    dataDir,
    networks: ["none", egress?.network ?? network],
    egress,
    images: chosen.length > 0 ? chosen : byDefault,
    runtimes: list(env.LONGSHORE_CONTAINER_RUNTIME),
    user: "1000:1000",
    memoryBytesMax: count("LONGSHORE_GATE_MEMORY_GB", env.LONGSHORE_GATE_MEMORY_GB, 16) * gib,
    nanoCpusMax: count("LONGSHORE_GATE_CPUS", env.LONGSHORE_GATE_CPUS, 8) * 1e9,
    pidsMax: 4_096,
    owner: createHash("sha256").update(dataDir).digest("hex").slice(0, 16),
  };
};

/** Whether containers may be made of this image, and whether it may be looked at and pulled. */
export const isAllowedImage = (image: string, { images }: Pick<Policy, "images">): boolean =>
  images.some((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${parts.join("[^/]*")}$`).test(image);
  });
