import { stat } from "node:fs/promises";
import type { Clock } from "@longshore/shared/core/clock";
import Docker from "dockerode";
import { type Egress, egressFor, filteredNetwork, networkOptions } from "../core/egress.ts";
import { StartError } from "../ports/container-runtime.ts";
import type { Logger } from "../ports/logger.ts";
import { asEngineError, connection, engineSays } from "./docker-engine.ts";
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
  logger: Logger;
  clock: Clock;
  /** Aborted when the agent ends. */
  signal: AbortSignal;
};

/** Units: milliseconds. */
const requestTimeoutMs = 20_000;
const markWithinMs = 20_000;
const markLookMs = 250;
/** How long containers go without a network before it is tried again for later ones. */
const againMs = 30_000;

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

/**
 * Opens the network of the runs' containers. Rules come first, the network after them: it is open at no moment. Where
 * they cannot be set, containers get no network, and the log says why and what to do.
 *
 * Shape: a function that answers the network's name; it does its work once. After an engine that did not answer it does
 * it again at once, and while there is no network again after a pause, in the background. Once open, it looks each time
 * whether the rules are still seen to: runs that came for a network go back rather than go without. Errors: those of the
 * engine, and `StartError` while nobody sees to the rules. Cost: some 100 ms the first time on a host, 40 ms later.
 */
export const openEgress = (wanted: EgressWanted): (() => Promise<string>) => {
  if (wanted.network !== filteredNetwork) return async () => wanted.network;
  const { logger, clock } = wanted;
  const egress = egressFor(wanted.allow);

  let whyClosed: (() => Promise<string | null>) | null = null;
  let saidNone = false;
  const open = async (): Promise<string> => {
    let why: string | null;
    try {
      why = (await whyNoRules(egress, wanted)) ?? (await whyNoNetwork(egress, wanted));
    } catch (error) {
      const said = asEngineError(error);
      if (said.statusCode === undefined) throw error;
      why = `Docker cannot make the network ${egress.network}: ${engineSays(said)}`;
    }
    if (why === null) {
      whyClosed ??= watchEgress(egress, wanted);
      if (saidNone) logger.info("containers get a network again", { network: egress.network });
      return egress.network;
    }
    if (!saidNone)
      logger.warn("containers get no network: what they may reach cannot be filtered", {
        why,
        hint: "run the agent as root on the engine's host or with docker-compose.agent.yml, or choose with LONGSHORE_NETWORK",
      });
    saidNone = true;
    return "none";
  };

  let opened: Promise<string> | null = null;
  /** Until this moment "none" is the answer; then one asks again while the others go on without. */
  let noneUntilMs = 0;
  let isAsking = false;
  const settle = (asked: Promise<string>): void => {
    asked.then(
      (name) => {
        if (name === "none") noneUntilMs = clock.monotonic() + againMs;
        opened = asked;
      },
      () => {
        if (opened === asked) opened = null;
      },
    );
  };
  const askAgain = async (): Promise<void> => {
    isAsking = true;
    const asked = open();
    settle(asked);
    await asked.catch(() => {
      noneUntilMs = clock.monotonic() + againMs;
    });
    isAsking = false;
  };
  return async () => {
    if (opened === null) {
      opened = open();
      settle(opened);
    }
    const name = await opened;
    if (name === "none" && !isAsking && clock.monotonic() >= noneUntilMs) void askAgain();
    const why = name === "none" ? null : await whyClosed?.();
    if (why) throw new StartError(`No container is made while its network is not filtered: ${why}.`, true);
    return name;
  };
};
