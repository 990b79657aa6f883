import { stat } from "node:fs/promises";
import type { Clock } from "@longshore/shared/core/clock";
import Docker from "dockerode";
import { type Egress, egressFor, filteredNetwork, networkOptions } from "../core/egress.ts";
import { StartError } from "../ports/container-runtime.ts";
import type { Logger } from "../ports/logger.ts";
import { asEngineError, connection, engineSays } from "./docker-engine.ts";
import type { ContainerNetwork } from "./docker-options.ts";
import { whyNoEgressMark } from "./egress-mark.ts";
import { filterEgress, seesBridges } from "./firewall.ts";
import { watchEgress } from "./watch-egress.ts";

export type EgressWanted = {
  /** `filtered`, `none`, or a network of the operator's. */
  network: string;
  /** What the filter lets through. Shape: CIDRs. */
  allow: readonly string[];
  /** Where a helper with more rights says that it has set the rules. */
  markPath: string | undefined;
  host: string | undefined;
  /** Whether runs go on without a network where nobody can filter it. */
  goesWithout: boolean;
  /** Told why no work can be taken, and null when it can. */
  holdBack(reason: string | null): void;
  logger: Logger;
  clock: Clock;
  /** Aborted when the agent ends. */
  signal: AbortSignal;
};

/** Units: milliseconds. */
const requestTimeoutMs = 20_000;
const markWithinMs = 20_000;
const markLookMs = 250;
/** Until a network that cannot be had is tried again. */
const againMs = 5_000;

const toFilter =
  "run the agent as root on the engine's host or with docker-compose.agent.yml, or choose another network with LONGSHORE_NETWORK";
const toFindAddresses =
  "remove networks that nobody uses (docker network prune), or give the engine more default-address-pools";

/** Shape: why the rules are not there, null when they are. */
const whyNoRules = async (
  egress: Egress,
  { markPath, clock, signal }: EgressWanted,
): Promise<string | null> => {
  if (markPath === undefined) {
    const set = await filterEgress(egress);
    return set.kind === "set" ? null : set.why;
  }
  const endAtMs = clock.monotonic() + markWithinMs;
  for (;;) {
    const why = await whyNoEgressMark(markPath, egress.bridge, clock.now());
    if (why === null || signal.aborted || clock.monotonic() > endAtMs) return why;
    await clock.sleep(markLookMs, signal);
  }
};

/** Errors: those of the engine. Shape: why the network is not the one that the rules are for, null when it is. */
const whyNoNetwork = async (egress: Egress, { host, markPath }: EgressWanted): Promise<string | null> => {
  const docker = new Docker({ ...connection(host), timeout: requestTimeoutMs });
  const wanted = networkOptions(egress);
  const look = (): Promise<Docker.NetworkInspectInfo | null> =>
    docker
      .getNetwork(egress.network)
      .inspect()
      .catch((error: unknown) => {
        if (asEngineError(error).statusCode === 404) return null;
        throw error;
      });
  const make = async (): Promise<Docker.NetworkInspectInfo | null> => {
    try {
      await docker.createNetwork(wanted);
    } catch (error) {
      // Another agent of this host was quicker.
      if (asEngineError(error).statusCode !== 409) throw error;
    }
    return look();
  };
  const network = (await look()) ?? (await make());
  const isSame =
    network?.Driver === "bridge" &&
    !network.EnableIPv6 &&
    Object.entries(wanted.Options).every(([name, value]) => network.Options?.[name] === value);
  if (!isSame) return `the network ${egress.network} is another than agents make: remove it`;
  if (markPath !== undefined) return null; // its helper sees the host, this process may not
  if (!(await stat(`/sys/class/net/${egress.bridge}`).catch(() => null)))
    return "the Docker engine is on another machine";
  if ((await seesBridges()) === false) return "bridge-nf-call-iptables is off: bridges pass the firewall by";
  return null;
};

type Lack = { why: string; canFilter: boolean };

/** Errors: none thrown. Shape: why containers cannot have the network now and what to do, null when they can. */
const lackOf = async (egress: Egress, wanted: EgressWanted): Promise<Lack | null> => {
  try {
    const why = (await whyNoRules(egress, wanted)) ?? (await whyNoNetwork(egress, wanted));
    return why === null ? null : { why: `${why}; ${toFilter}`, canFilter: false };
  } catch (error) {
    const said = asEngineError(error);
    if (said.statusCode === undefined)
      return { why: `the Docker engine cannot be reached: ${said.message}`, canFilter: true };
    const says = `Docker says: ${engineSays(said)}`;
    return { why: /address pool/.test(says) ? `${says}; ${toFindAddresses}` : says, canFilter: true };
  }
};

/**
 * The network of the runs' containers. Rules come first, the network after them: it is open at no moment. While it cannot
 * be had work is held back with the reason, and it is tried again until it is there: a run without the network that its
 * task counts on would only fail.
 *
 * Once open, it looks each time whether the rules are still seen to: runs that came for a network go back rather than go
 * without. Cost: some 100 ms the first time on a host, 40 ms later.
 */
export const openEgress = (wanted: EgressWanted): ContainerNetwork => {
  if (wanted.network !== filteredNetwork) return { open: async () => wanted.network, lost: () => {} };
  const { clock, logger, signal } = wanted;
  const egress = egressFor(wanted.allow);
  let whyClosed: (() => Promise<string | null>) | null = null;
  let opening: Promise<string> | null = null;
  let isTrying = false;
  let wasHeld = false;

  const make = async (): Promise<string> => {
    const lack = await lackOf(egress, wanted);
    if (lack !== null && !lack.canFilter && wanted.goesWithout) {
      logger.warn("containers get no network: what they may reach cannot be filtered", { why: lack.why });
      return "none";
    }
    const reason =
      lack === null ? null : `the containers' network ${egress.network} cannot be had: ${lack.why}`;
    wanted.holdBack(reason);
    if (reason !== null) {
      wasHeld = true;
      throw new StartError(`No container is made: ${reason}.`, true);
    }
    if (wasHeld) logger.info("the containers' network is there", { network: egress.network });
    wasHeld = false;
    whyClosed ??= watchEgress(egress, wanted);
    return egress.network;
  };
  const ask = (): Promise<string> => {
    opening ??= make().catch((error) => {
      opening = null;
      void keepTrying();
      throw error;
    });
    return opening;
  };
  const keepTrying = async (): Promise<void> => {
    if (isTrying) return;
    isTrying = true;
    while (opening === null && !signal.aborted) {
      await clock.sleep(againMs, signal);
      if (!signal.aborted) await ask().catch(() => {}); // the reason is told
    }
    isTrying = false;
  };
  return {
    async open() {
      const name = await ask();
      const why = await whyClosed?.();
      if (why) throw new StartError(`No container is made while its network is not filtered: ${why}.`, true);
      return name;
    },
    lost() {
      opening = null;
    },
  };
};
