import { ensurePostgres } from "../services/ensure-postgres.ts";
import { isRunning } from "../services/service.ts";
import { drain, idle, idleWithSweeps, triggerConcurrent, triggerToClaim } from "./engine.ts";
import { type Figure, printFigure } from "./figures.ts";
import { openStage, type Stage } from "./stage.ts";

// `pnpm bench [area or figure]`: one JSON line for each figure, on a real Postgres.
type Measurement = { measure(stage: Stage): Promise<Figure>; sweepMs?: number };

/** Longer than any measurement. Units: milliseconds. */
const never = 3_600_000;

const figures: Record<string, Measurement> = {
  "engine.trigger-to-claim": { measure: triggerToClaim },
  "engine.trigger-concurrent.16": { measure: (stage) => triggerConcurrent(stage, 16) },
  "engine.trigger-concurrent.64": { measure: (stage) => triggerConcurrent(stage, 64) },
  "engine.drain": { measure: drain },
  "engine.idle": { measure: idle, sweepMs: never },
  "engine.idle-with-sweeps": { measure: idleWithSweeps },
};

const main = async (): Promise<void> => {
  const wanted = process.argv.slice(2).filter((arg) => arg !== "--");
  const chosen = Object.entries(figures).filter(
    ([name]) => wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix)),
  );
  if (chosen.length === 0)
    throw new Error(`no figure is called ${wanted.join(", ")}; there are ${Object.keys(figures).join(", ")}`);
  const postgres = await ensurePostgres();
  if (!isRunning(postgres)) throw new Error(`a bench needs Postgres: ${postgres.missing}`);
  console.error(`Postgres: ${postgres.how}`);
  try {
    for (const [, { measure, sweepMs }] of chosen) {
      // A database of its own for each, so that none measures what another left.
      const stage = await openStage(postgres.url, sweepMs === undefined ? {} : { sweepMs });
      try {
        printFigure(await measure(stage));
      } finally {
        await stage.close();
      }
    }
  } finally {
    await postgres.stop();
  }
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
