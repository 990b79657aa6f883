import { parseArgs } from "node:util";
import { runWithParts } from "./testing/run-with-parts.ts";

// `npx tsx infra/src/soak.ts [--runs 2000] [--slots 4] [--shared]`: many runs through containers; one JSON line of what it took and
// what it left. Exit code 1 when anything is left, a run ended otherwise than it should, or memory grew.
await runWithParts(async () => {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "2000" },
      slots: { type: "string", default: "4" },
      shared: { type: "boolean" },
    },
  });
  const { soak } = await import("../e2e/stage/soak.ts");
  const figure = await soak(Number(values.runs), {
    slots: Number(values.slots),
    isAlone: !values.shared,
    say: (line) => console.error(line),
  });
  console.log(JSON.stringify(figure));
  const left =
    figure.containersLeft + figure.networksLeft + figure.volumesLeft + figure.filesLeft + figure.factsLeft;
  const isFlat = figure.rssEndMb <= figure.rssEarlyMb * 1.25 + 16;
  if (left > 0 || figure.wrong > 0 || !isFlat) process.exitCode = 1;
});
