import { createDatabase } from "../services/create-database.ts";
import { ensurePostgres } from "../services/ensure-postgres.ts";
import { isRunning } from "../services/service.ts";
import { agentFigures, measureAgent } from "./agent.ts";
import { measureCli } from "./cli.ts";
import { drain, idle, idleWithSweeps, triggerConcurrent, triggerToClaim } from "./engine.ts";
import { type Figure, median, printFigure, rounded } from "./figures.ts";
import { measureLists, measureRunPage } from "./list.ts";
import { installPeer, type Peer } from "./peers/install.ts";
import { claimBeside } from "./scale.ts";
import { measureSdk } from "./sdk.ts";
import { seedHistory } from "./seed-history.ts";
import { openStage, type Stage } from "./stage.ts";
import { batch, sustained } from "./throughput.ts";

// `pnpm bench [area or figure]`: one JSON line for each figure, on a real Postgres.
type Measurement = {
  /** Where it needs a second, empty system to compare with, that is `beside`. */
  measure(stage: Stage, beside: Stage): Promise<Figure>;
  sweepMs?: number;
  isPaired?: boolean;
  /** What the peer's script calls the same, in its fastest set-ups, and the number that is compared. */
  peer?: { measurements: readonly string[]; value: string };
};

/** Longer than any measurement. Units: milliseconds. */
const never = 3_600_000;
/** Rounds of ours and the peer's in turn; the middle one counts. */
const roundsMax = 3;
const historyRuns = 5_000_000;

const enqueue = { measurements: ["enqueue", "enqueue-without-notify"], value: "perS" };

const figures: Record<string, Measurement> = {
  "engine.trigger-to-claim": {
    measure: (stage) => triggerToClaim(stage),
    peer: { measurements: ["start-latency"], value: "p50Ms" },
  },
  "engine.trigger-concurrent.16": { measure: (stage) => triggerConcurrent(stage, 16), peer: enqueue },
  "engine.trigger-concurrent.64": { measure: (stage) => triggerConcurrent(stage, 64), peer: enqueue },
  "engine.batch": { measure: (stage) => batch(stage) },
  "engine.sustained": {
    measure: (stage) => sustained(stage),
    peer: { measurements: ["sustained", "sustained-without-notify"], value: "perS" },
  },
  "engine.drain": {
    measure: (stage) => drain(stage),
    peer: { measurements: ["drain"], value: "runsPerS" },
  },
  "engine.blocked-backlog": {
    measure: claimBeside("blocked-backlog"),
    sweepMs: never,
    isPaired: true,
    peer: { measurements: ["start-latency-blocked"], value: "p50Ms" },
  },
  "engine.backlog": { measure: claimBeside("backlog"), sweepMs: never, isPaired: true },
  "engine.many-queues": { measure: claimBeside("many-queues"), sweepMs: never, isPaired: true },
  "engine.blocked-limit": { measure: claimBeside("blocked-limit"), sweepMs: never, isPaired: true },
  "engine.idle": { measure: (stage) => idle(stage), sweepMs: never },
  "engine.idle-with-sweeps": { measure: (stage) => idleWithSweeps(stage) },
};

const measureOnce = async (url: string, { measure, sweepMs, isPaired }: Measurement): Promise<Figure> => {
  // A database of its own for each, so that none measures what another left.
  const options = sweepMs === undefined ? {} : { sweepMs };
  const stage = await openStage(url, options);
  const beside = isPaired ? await openStage(url, options) : stage;
  try {
    return await measure(stage, beside);
  } finally {
    await stage.close();
    if (isPaired) await beside.close();
  }
};

/** The better of ours first in the name: a ratio over 1 says that ours is faster for rates, slower for times. */
const compare = async (url: string, name: string, measurement: Measurement, peer: Peer): Promise<void> => {
  const { peer: asked } = measurement;
  if (asked === undefined) return;
  const ours: number[] = [];
  const theirs = new Map<string, number[]>();
  for (let round = 0; round < roundsMax; round++) {
    const figure = await measureOnce(url, measurement);
    printFigure(figure);
    ours.push(Number(figure[asked.value]));
    for (const kind of asked.measurements) {
      const seen = await peer.run(kind, await createDatabase(url, "peer"));
      printFigure(seen);
      theirs.set(kind, [...(theirs.get(kind) ?? []), Number(seen[asked.value])]);
    }
  }
  for (const [kind, values] of theirs)
    printFigure({
      name: `${name}.vs-pg-boss`,
      with: kind,
      ours: median(ours),
      theirs: median(values),
      ratio: rounded(median(ours) / median(values)),
    });
};

/** Too heavy for an ordinary run: five million runs are written first, which takes some minutes and 6 GB. */
const measureHistory = async (url: string): Promise<void> => {
  const stage = await openStage(url, { sweepMs: never });
  try {
    await seedHistory(stage.sql, historyRuns, stage.environmentId);
    await measureLists(stage, printFigure);
    await measureRunPage(stage, printFigure);
  } finally {
    await stage.close();
  }
};

const main = async (): Promise<void> => {
  const wanted = process.argv.slice(2).filter((arg) => arg !== "--");
  const chosen = Object.entries(figures).filter(
    ([name]) => wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix)),
  );
  // It needs no Postgres, and is asked for by name.
  if (wanted.includes("cli")) {
    printFigure(await measureCli());
    if (wanted.length === 1) return;
  }
  const isHistory = wanted.includes("list");
  const isSdk = wanted.length === 0 || wanted.includes("sdk");
  // They need an engine, and are asked for by name.
  const agents = agentFigures.filter((name) => wanted.some((prefix) => name.startsWith(prefix)));
  if (isSdk) printFigure(await measureSdk());
  if (chosen.length + agents.length === 0 && isSdk) return;
  if (chosen.length + agents.length === 0 && !isHistory && !wanted.includes("cli"))
    throw new Error(
      `no figure is called ${wanted.join(", ")}; there are cli, list, sdk, ${[...Object.keys(figures), ...agentFigures].join(", ")}`,
    );
  const postgres = await ensurePostgres();
  if (!isRunning(postgres)) throw new Error(`a bench needs Postgres: ${postgres.missing}`);
  console.error(`Postgres: ${postgres.how}`);
  try {
    const peer = chosen.some(([, { peer }]) => peer !== undefined) ? await installPeer() : undefined;
    if (peer && "missing" in peer) {
      console.error(`${peer.missing} Only our own figures follow.`);
      process.exitCode = 3;
    }
    for (const [name, measurement] of chosen) {
      if (measurement.peer && peer && "run" in peer) await compare(postgres.url, name, measurement, peer);
      else printFigure(await measureOnce(postgres.url, measurement));
    }
    if (agents.length > 0) await measureAgent(postgres.url, agents, printFigure);
    if (isHistory) await measureHistory(postgres.url);
  } finally {
    await postgres.stop();
  }
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
