import type { RunState } from "@longshore/shared/contract/run-status";
import type { RunExplanation } from "@longshore/shared/contract/runs";
import { isFinal } from "./transitions.ts";

/** What is known of a run and of what surrounds it. */
export type Circumstances = {
  state: RunState;
  attempt: number;
  isCanceling: boolean;
  reason: string | null;
  dueAt: string | null;
  env: { running: number; runningMax: number; paused: boolean } | null;
  lane: { running: number; runningMax: number | null; paused: boolean } | null;
  queue: { name: string; paused: boolean } | null;
  concurrencyKey: string;
  ahead: number;
  /** Where it may execute; empty for anywhere. `agents` are those of this region that have all `labels`. */
  region: string;
  labels: Record<string, string>;
  /** Names of those that no agent online has, of the region where there is one. */
  labelsMissing: string[];
  machine: { name: string; cpus: number; memoryMb: number };
  /**
   * `large`: those online whose whole host has its machine's size; `roomy`: those with a place and room for it now.
   * `heldBack`: one that is online and takes no runs, or fewer, because something is wrong with its host.
   */
  agents: {
    known: number;
    online: number;
    /** Of those online, asked to take no new runs. */
    draining: number;
    free: number;
    large: number;
    roomy: number;
    largest: { cpus: number; memoryMb: number } | null;
    heldBack: { name: string; why: string } | null;
  };
  /** Where its process waits. `lostAt`: when the attempt counts as lost unless the agent is heard. */
  home: { name: string; isOnline: boolean; lostAt: string } | null;
  /** The agent that has its lease and was not heard for longer than beats are apart; null while that is heard. */
  unheard: { name: string; seenAt: string; lostAt: string } | null;
  /** Named limits and gates that its lane counts in. */
  counters: {
    kind: "limit" | "gate";
    name: string;
    key: string;
    running: number;
    runningMax: number | null;
    paused: boolean;
  }[];
  version: {
    task: string;
    external: string | null;
    externalStatus: string | null;
    current: string | null;
    hasTask: boolean;
    queue: string | null;
  };
  waits: {
    kind: string;
    runId: string | null;
    batchId: string | null;
    id: string;
    dueAt: string | null;
  }[];
  /** What tells the task of an end that its process could not tell it of; `runId` null while it is due. */
  finaliser: { task: string; runId: string | null } | null;
};

type Why = Pick<RunExplanation, "code" | "sentence">;

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

const whyWaiting = (c: Circumstances): Why => {
  if (c.home !== null && !c.home.isOnline) {
    return {
      code: "home_agent_offline",
      sentence: `Its process is on the agent "${c.home.name}", which is not online; unless it is heard by ${c.home.lostAt} the attempt counts as lost.`,
    };
  }
  const [first] = c.waits;
  if (first === undefined)
    return { code: "next", sentence: "Everything it waited for is complete; it continues at once." };
  const others = c.waits.length > 1 ? ` and ${plural(c.waits.length - 1, "other wait")}` : "";
  if (first.kind === "run")
    return {
      code: "waiting_for_run",
      sentence: `It waits for the run ${first.runId}${others}; it holds no slot meanwhile.`,
    };
  if (first.kind === "time")
    return {
      code: "waiting_for_time",
      sentence: `It waits until ${first.dueAt}${others}; it holds no slot meanwhile.`,
    };
  if (first.kind === "batch")
    return {
      code: "waiting_for_batch",
      sentence: `It waits for the batch ${first.batchId}${others}; it holds no slot meanwhile.`,
    };
  const until = first.dueAt === null ? "" : `, at the latest until ${first.dueAt}`;
  return {
    code: "waiting_for_token",
    sentence: `It waits for the token ${first.id} to be completed${until}${others}; it holds no slot meanwhile.`,
  };
};

/** The counter that has no room, if one has none. */
const fullCounter = (c: Circumstances, hasBegun: boolean): Circumstances["counters"][number] | undefined =>
  c.counters.find(({ paused }) => paused && !hasBegun) ??
  c.counters.find(({ running, runningMax }) => runningMax !== null && running >= runningMax);

const whyCounted = (c: Circumstances, hasBegun: boolean): Why | null => {
  const counter = fullCounter(c, hasBegun);
  if (counter === undefined) return null;
  const { kind, name, key, running, runningMax, paused } = counter;
  const what =
    kind === "gate" ? `The queue "${name}", which is its gate,` : `The concurrency limit "${name}"`;
  if (paused && !hasBegun)
    return { code: kind === "gate" ? "queue_paused" : "limit_paused", sentence: `${what} is paused.` };
  const forKey = key === "" ? "" : ` for the key "${key}"`;
  return {
    code: kind === "gate" ? "gate_limit" : "concurrency_limit",
    sentence: `${what} runs ${running} of at most ${runningMax}${forKey}.`,
  };
};

const whyPending = ({ version }: Circumstances): Why => {
  const { external, externalStatus, current, task, hasTask, queue } = version;
  const code = "pending_version";
  if (external !== null) {
    return externalStatus === null
      ? { code, sentence: `It waits for the deployment "${external}", which has not been made yet.` }
      : { code, sentence: `It waits for the deployment "${external}", which is ${externalStatus}.` };
  }
  if (current === null) return { code, sentence: "It waits for this environment's first deployment." };
  if (!hasTask) {
    return {
      code,
      sentence: `It waits for a deployment with the task "${task}": version ${current} has none.`,
    };
  }
  return {
    code,
    sentence: `It waits for a deployment with the queue "${queue}": version ${current} has none.`,
  };
};

/** `hasBegun`: it goes on after a wait, which no pause of a queue or limit holds back. */
const whyBlocked = (c: Circumstances, hasBegun: boolean): Why | null => {
  if (c.env?.paused) return { code: "environment_paused", sentence: "The environment is paused." };
  if ((c.queue?.paused || c.lane?.paused) && !hasBegun)
    return { code: "queue_paused", sentence: `The queue "${c.queue?.name}" is paused.` };
  if (c.lane !== null && c.lane.runningMax !== null && c.lane.running >= c.lane.runningMax) {
    const key = c.concurrencyKey === "" ? "" : ` for the key "${c.concurrencyKey}"`;
    return {
      code: "queue_limit",
      sentence: `The queue "${c.queue?.name}" runs ${c.lane.running} of at most ${c.lane.runningMax}${key}; ${plural(c.ahead, "run")} ahead of this one.`,
    };
  }
  const counted = whyCounted(c, hasBegun);
  if (counted !== null) return counted;
  if (c.env !== null && c.env.running >= c.env.runningMax) {
    return {
      code: "environment_limit",
      sentence: `The environment runs ${c.env.running} of at most ${c.env.runningMax}.`,
    };
  }
  return null;
};

const sizeOf = ({ cpus, memoryMb }: { cpus: number; memoryMb: number }): string =>
  `${plural(cpus, "CPU")} and ${memoryMb} MiB`;

const namesOf = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .map(([name, value]) => `"${name}=${value}"`)
    .sort()
    .join(", ");

/** What agents it asks for, after the word "agent"; empty for any. */
const whichOf = ({ region, labels }: Pick<Circumstances, "region" | "labels">): string => {
  const names = namesOf(labels);
  const which = [region === "" ? "" : `of the region "${region}"`, names === "" ? "" : `with ${names}`];
  return which.map((part) => (part === "" ? "" : ` ${part}`)).join("");
};

/** That agents are missing for what it asks of them. */
const whyUnlabelled = ({ agents, region, labels, labelsMissing }: Circumstances): Why | null => {
  if (agents.online > 0 || Object.keys(labels).length === 0) return null;
  const known = agents.known === 0 ? "" : ` (${agents.known} known, not online)`;
  const missing = Object.fromEntries(Object.entries(labels).filter(([name]) => labelsMissing.includes(name)));
  const none = region === "" ? "none that is connected" : "none that is connected there";
  const lack = labelsMissing.length === 0 ? `${none} has all of it` : `${none} has ${namesOf(missing)}`;
  return {
    code: "no_agent_with_labels",
    sentence: `It waits for an agent${whichOf({ region, labels })}; ${lack}${known}.`,
  };
};

/** That no agent there is could ever take it. */
const whyUnplaceable = (c: Circumstances): Why | null => {
  const { agents, machine, region } = c;
  const unlabelled = whyUnlabelled(c);
  if (unlabelled !== null) return unlabelled;
  if (region !== "" && agents.online === 0) {
    const known = agents.known === 0 ? "" : ` (${agents.known} known, not online)`;
    return {
      code: "no_agent_in_region",
      sentence: `It waits for an agent of the region "${region}"; none is connected${known}.`,
    };
  }
  if (agents.known === 0)
    return {
      code: "no_agent_online",
      sentence: "No agent is enrolled in the pool that serves this environment.",
    };
  if (agents.online === 0)
    return {
      code: "no_agent_online",
      sentence: `None of the pool's ${plural(agents.known, "agent")} is online.`,
    };
  if (agents.large > 0) return null;
  const most = agents.largest === null ? "" : `, the most is ${sizeOf(agents.largest)}`;
  return {
    code: "no_agent_large_enough",
    sentence: `Its machine ${machine.name} takes ${sizeOf(machine)}; no agent online${whichOf(c)} has that to give${most}.`,
  };
};

const whyQueued = (c: Circumstances): Why => {
  if (c.home !== null) {
    return c.home.isOnline
      ? (whyBlocked(c, true) ?? {
          code: "next",
          sentence: `It continues on the agent "${c.home.name}" at once.`,
        })
      : whyWaiting(c);
  }
  const blocked = whyBlocked(c, false);
  if (blocked !== null) return blocked;
  const unplaceable = whyUnplaceable(c);
  if (unplaceable !== null) return unplaceable;
  if (c.agents.free === 0 && c.agents.heldBack !== null)
    return {
      code: "agents_held_back",
      sentence: `No agent online has a place for it: "${c.agents.heldBack.name}" takes fewer runs than it could (${c.agents.heldBack.why}).`,
    };
  const taking = c.agents.online - c.agents.draining;
  if (taking === 0) {
    const sentence = `No agent takes new runs: ${plural(c.agents.online, "agent")} online, all of them drained.`;
    return { code: "agents_draining", sentence };
  }
  if (c.agents.free === 0)
    return {
      code: "agents_full",
      sentence: `All slots of the ${plural(taking, "agent")} online that ${taking === 1 ? "takes" : "take"} runs are taken.`,
    };
  if (c.agents.roomy === 0)
    return {
      code: "agents_full",
      sentence: `Its machine ${c.machine.name} takes ${sizeOf(c.machine)}; no agent online has that left beside what it runs.`,
    };
  return { code: "next", sentence: "Nothing is in its way; an agent takes it next." };
};

const whyFinal = ({ state, finaliser }: Circumstances): Why => {
  const over = `The run is over: ${state.replace("_", " ")}.`;
  if (finaliser === null) return { code: "final", sentence: over };
  const told =
    finaliser.runId === null
      ? `Its finaliser "${finaliser.task}" is due.`
      : `Its finaliser "${finaliser.task}" was triggered: ${finaliser.runId}.`;
  return { code: "final", sentence: `${over} ${told}` };
};

const whyUnheard = ({ name, seenAt, lostAt }: NonNullable<Circumstances["unheard"]>, does: string): Why => ({
  code: "agent_unheard",
  sentence: `The agent "${name}" ${does} and has not been heard since ${seenAt}; it may go on there, and is tried elsewhere unless the agent is heard by ${lostAt}.`,
});

const why = (c: Circumstances): Why => {
  if (isFinal(c.state)) return whyFinal(c);
  if (c.isCanceling)
    return { code: "canceling", sentence: "It was asked to cancel; its agent is ending it." };
  switch (c.state) {
    case "pending_version":
      return whyPending(c);
    case "delayed": {
      if (c.attempt > 0)
        return {
          code: "retry_scheduled",
          sentence: `Attempt ${c.attempt} failed; the next one is due at ${c.dueAt}.`,
        };
      if (c.reason !== null)
        return {
          code: "retry_scheduled",
          sentence: `An agent could not start it (${c.reason}); it is tried again at ${c.dueAt}.`,
        };
      return { code: "delayed", sentence: `It was triggered with a delay and is due at ${c.dueAt}.` };
    }
    case "queued":
      return whyQueued(c);
    case "leased":
      if (c.unheard !== null) return whyUnheard(c.unheard, "has taken it");
      return { code: "starting", sentence: "An agent has taken it and is starting it." };
    case "waiting":
      return whyWaiting(c);
    default:
      if (c.unheard !== null) return whyUnheard(c.unheard, "executes it");
      return { code: "executing", sentence: "It is executing." };
  }
};

/** The few figures behind a sentence, flat, for people and programs. */
const detailsOf = (c: Circumstances, code: Why["code"]): Record<string, unknown> => {
  switch (code) {
    case "environment_limit":
      return { running: c.env?.running, limit: c.env?.runningMax };
    case "queue_limit":
    case "queue_paused":
      return {
        queue: c.queue?.name,
        running: c.lane?.running,
        limit: c.lane?.runningMax,
        ahead: c.ahead,
        ...(c.concurrencyKey === "" ? {} : { concurrencyKey: c.concurrencyKey }),
      };
    case "limit_paused":
    case "concurrency_limit":
    case "gate_limit": {
      const { name, key, running, runningMax } = fullCounter(c, c.home !== null) ?? {};
      return { name, running, limit: runningMax, ahead: c.ahead, ...(key ? { concurrencyKey: key } : {}) };
    }
    case "pending_version":
      return { task: c.version.task, externalDeploymentId: c.version.external, current: c.version.current };
    case "no_agent_online":
    case "no_agent_in_region":
    case "no_agent_with_labels":
    case "no_agent_large_enough":
    case "agents_draining":
    case "agents_full":
    case "agents_held_back":
      return {
        ...{ agents: c.agents.known, online: c.agents.online, freeSlots: c.agents.free },
        ...(c.region === "" ? {} : { region: c.region }),
        ...(Object.keys(c.labels).length === 0 ? {} : { labels: c.labels }),
        ...(code === "no_agent_with_labels" ? { missing: c.labelsMissing } : {}),
        ...{ machine: c.machine.name, cpus: c.machine.cpus, memoryMb: c.machine.memoryMb },
        ...(code === "no_agent_large_enough" ? { largest: c.agents.largest } : {}),
      };
    case "delayed":
    case "retry_scheduled":
      return { dueAt: c.dueAt, ...(c.reason === null ? {} : { reason: c.reason }) };
    case "waiting_for_run":
      return { runId: c.waits[0]?.runId, waits: c.waits.length };
    case "waiting_for_batch":
      return { batchId: c.waits[0]?.batchId, waits: c.waits.length };
    case "waiting_for_token":
      return { tokenId: c.waits[0]?.id, dueAt: c.waits[0]?.dueAt, waits: c.waits.length };
    case "waiting_for_time":
      return { dueAt: c.waits[0]?.dueAt, waits: c.waits.length };
    case "agent_unheard":
      return { agent: c.unheard?.name, seenAt: c.unheard?.seenAt, lostAt: c.unheard?.lostAt };
    case "final":
      return c.finaliser === null
        ? {}
        : { finaliserTask: c.finaliser.task, finaliserRunId: c.finaliser.runId };
    default:
      return {};
  }
};

/** Why a run is where it is: a code, a sentence for people, and the figures behind it. */
export const explain = (
  circumstances: Circumstances,
): Pick<RunExplanation, "code" | "sentence" | "moving" | "details"> => {
  const { code, sentence } = why(circumstances);
  const moving = ["executing", "starting", "next", "canceling"].includes(code);
  return { code, sentence, moving, details: detailsOf(circumstances, code) };
};
