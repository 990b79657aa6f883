import { access, constants, stat } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { defaultMachine, machinePresets } from "@longshore/shared/contract/machines";
import { systemClock } from "@longshore/shared/core/clock";
import { createControlPlane } from "./adapters/control-plane.ts";
import { freeBytes } from "./adapters/disk-space.ts";
import { askEngine } from "./adapters/docker-facts.ts";
import { publicImage } from "./adapters/docker-image.ts";
import { createHttpClient, type HttpClient } from "./adapters/http-client.ts";
import { findIdentity, type Identity } from "./adapters/identity.ts";
import { askAgent } from "./adapters/local-client.ts";
import type { AgentConfig } from "./config.ts";
import {
  type Check,
  cgroupCheck,
  clockCheck,
  diskCheck,
  engineCheck,
  fail,
  leftoverCheck,
  networkCheck,
  ok,
  roomCheck,
  silenceCheck,
  sizeCheck,
  skipped,
  warn,
} from "./core/diagnosis.ts";
import { dockerNetworkOf, filteredNetwork } from "./core/egress.ts";
import type { Room } from "./core/room.ts";
import { findCapacity } from "./find-capacity.ts";

export type { Check } from "./core/diagnosis.ts";

const mib = 1024 * 1024;
/** Units: milliseconds. */
const askMsMax = 10_000;
const noBundle = "0".repeat(64);

const checkFolder = async (dataDir: string): Promise<Check> => {
  const name = "data folder";
  try {
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT")
      return warn(name, `${dataDir} is not there yet`, "Enrol this machine: longshore agent enrol.");
    return fail(
      name,
      `${dataDir} cannot be written by this user (${code})`,
      "Give the folder to the user of the agent.",
    );
  }
  const mode = await stat(join(dataDir, "identity.json")).then(
    (file) => file.mode & 0o077,
    () => 0,
  );
  if (mode !== 0)
    return fail(name, "others may read the agent's key", `chmod 600 ${join(dataDir, "identity.json")}`);
  return ok(name, `${dataDir} can be written`);
};

/** Network and clock: one request tells both. */
const checkApi = async (http: HttpClient, url: string): Promise<Check[]> => {
  const sentAt = Date.now();
  try {
    const request = { method: "GET", url: new URL("/healthz", url), headers: {}, body: null };
    const answer = await http.request({
      ...request,
      timeoutMs: askMsMax,
      signal: new AbortController().signal,
    });
    const tookMs = Date.now() - sentAt;
    const network =
      answer.status === 200
        ? ok("network", `${url} answers in ${tookMs} ms`)
        : fail("network", `${url} answers with status ${answer.status}`, "Look at the API's log.");
    const date = Date.parse(answer.headers.date ?? "");
    if (Number.isNaN(date)) return [network, skipped("clock", "the API does not say its time")];
    // The header is cut to whole seconds.
    return [network, clockCheck(sentAt + tookMs / 2 - (date + 500), tookMs / 2 + 500)];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [
      fail(
        "network",
        `${url} cannot be reached: ${why}`,
        "Check the address (LONGSHORE_URL), DNS, proxy and firewall.",
      ),
      skipped("clock", "the API cannot be asked"),
    ];
  }
};

/** Asks for a bundle that cannot be there: the answer tells whether the identity is known, and changes nothing. */
const checkIdentity = async (http: HttpClient, url: string, identity: Identity | null): Promise<Check> => {
  const name = "identity";
  if (identity === null)
    return fail(name, "this machine is not enrolled", "longshore agent enrol --api-url … --token …");
  const api = createControlPlane(http, url, identity, systemClock);
  const asked = await api.fetchBundle(noBundle, AbortSignal.timeout(askMsMax));
  if (asked.kind === "rejected") return ok(name, `the API knows this agent (${identity.agentId})`);
  if (asked.kind === "fatal") return fail(name, asked.reason, "Enrol it again with a new token.");
  return skipped(name, "the API cannot be asked");
};

const checkEngine = async (
  config: AgentConfig,
  own: Parameters<typeof leftoverCheck>[1],
): Promise<{ checks: Check[]; host: Room | null }> => {
  const without = (check: Check) => ({ checks: [check], host: null });
  if (config.runtime === "process") return without(skipped("engine", "runs execute as plain processes"));
  const image = config.runnerImage ?? publicImage;
  const network = dockerNetworkOf(config);
  const asked = await askEngine({ host: config.dockerHost, image, network });
  if (asked.kind === "silent") {
    const isClosed = asked.code === "EACCES";
    const next = isClosed
      ? "Add the agent's user to the group of the Docker socket (docker), or run it as root."
      : "Start Docker, or set DOCKER_HOST to where it listens.";
    const says = isClosed ? "this user may not open the Docker socket" : `no engine answers: ${asked.why}`;
    return without(
      config.runtime === "auto"
        ? warn("engine", `${says}; runs execute as plain processes, without isolation`, next)
        : fail("engine", says, next),
    );
  }
  const { facts } = asked;
  const imageCheck = facts.hasImage
    ? ok("runner image", image)
    : facts.hasImage === null
      ? skipped("runner image", "the engine does not say")
      : (config.runnerImage ? fail : warn)(
          "runner image",
          `${image} is not on this host`,
          `It is pulled at the start; without a registry: npx tsx infra/src/build-images.ts, and name it as LONGSHORE_RUNNER_IMAGE.`,
        );
  return {
    checks: [
      engineCheck(facts.version, facts.apiVersion),
      cgroupCheck(facts.cgroup),
      imageCheck,
      networkCheck(config.network === filteredNetwork, network, facts.hasNetwork, own?.isRunning ?? false),
      leftoverCheck(facts.containers, own),
    ],
    host: facts.host,
  };
};

const checkSize = async (config: AgentConfig, host: Room | null): Promise<Check> => {
  const capacity = await findCapacity(config, { host: async () => host });
  return capacity === null
    ? sizeCheck(config.slots, totalmem() / 1024 ** 3, machinePresets[defaultMachine].memoryGb)
    : roomCheck(config.slots, capacity, host);
};

/**
 * Looks at everything that an agent on this machine depends on, whether it runs or not, and changes nothing.
 *
 * Cost: about eight requests, each ended within ten seconds.
 */
export const examine = async (config: AgentConfig): Promise<Check[]> => {
  const http = createHttpClient();
  try {
    const identity = await findIdentity(config.dataDir).catch(() => null);
    const running = await askAgent(config.dataDir, "GET", "/status").catch(() => null);
    const own = identity && {
      agentId: identity.agentId,
      isRunning: running !== null,
      held: running?.held.length ?? 0,
    };
    const problems = running?.problems ?? [];
    const agent =
      running === null
        ? warn("agent", "no agent runs on this data folder", "longshore agent start")
        : problems.length > 0
          ? warn(
              "agent",
              `it runs and holds claims back: ${problems.join("; ")}`,
              "See the lines above and below.",
            )
          : running.healthy
            ? ok(
                "agent",
                `it runs: ${running.running} running, ${running.free} of ${running.slots} slots free`,
              )
            : fail("agent", "it runs and does not hear the API", "See network below, and the agent's log.");
    const disk = await freeBytes(config.dataDir).then(
      (free) => diskCheck(free, config.diskFreeMinMb * mib, config.dataDir),
      () => skipped("disk", "the data folder is not there"),
    );
    const [network, identityCheck, engine] = await Promise.all([
      checkApi(http, config.url),
      checkIdentity(http, config.url, identity),
      checkEngine(config, own),
    ]);
    const size = await checkSize(config, engine.host);
    return [
      agent,
      await checkFolder(config.dataDir),
      disk,
      size,
      silenceCheck(config.silentMs ?? null, running),
      ...network,
      identityCheck,
      ...engine.checks,
    ];
  } finally {
    http.close();
  }
};
