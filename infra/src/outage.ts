import { parseArgs } from "node:util";
import { runWithParts } from "./testing/run-with-parts.ts";

// `npx tsx infra/src/outage.ts [--seconds 300] [--silent 360] [--database]`: the API away under running work, or its way to
// the database; one JSON line of what became of it. `--silent 0` leaves the agent's LONGSHORE_SILENT_SECONDS out. Exit code 1
// when a line is missing, doubled or out of order, a run did not complete at its first attempt, or work stood still though the
// agent had asked for long enough.
await runWithParts(async () => {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "300" },
      silent: { type: "string" },
      database: { type: "boolean" },
    },
  });
  const seconds = Number(values.seconds);
  const silent = Number(values.silent ?? seconds + 60);
  const { outage } = await import("../e2e/stage/outage.ts");
  const figure = await outage(seconds, {
    away: values.database ? "database" : "api",
    silentSeconds: silent > 0 ? silent : null,
    say: (line) => console.error(line),
  });
  console.log(JSON.stringify(figure));
  const isWhole =
    figure.linesKept === figure.linesExpected && figure.linesTwice + figure.linesOutOfOrder === 0;
  const isOnce =
    figure.attempts.every((count) => count === 1) && figure.statuses.every((is) => is === "COMPLETED");
  const wentOn = silent < seconds + 10 || figure.longestPauseS < 10;
  if (!isWhole || !isOnce || !wentOn) process.exitCode = 1;
});
