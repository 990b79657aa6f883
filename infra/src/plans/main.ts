import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ensurePostgres } from "../services/ensure-postgres.ts";
import { isRunning } from "../services/service.ts";
import { openSeededStage } from "./open-seeded-stage.ts";
import { findFaults, readAccesses } from "./read-plan.ts";
import { type RecordedPlan, recordPlans } from "./record-plans.ts";

// `pnpm plans` writes docs/query-plans.md; `--check` says where it differs, or where a plan is at fault.
const page = fileURLToPath(new URL("../../../docs/query-plans.md", import.meta.url));

const head = (version: string): string => `# Query plans

How each hot statement reaches each table, made by \`npx pnpm plans\` on Postgres ${version} under the settings of the API's connections, beside 60,000
runs of history, 100,000 runs blocked behind a key, 100,000 behind a limit and 100,000 in 10,000 queues. The number is the most rows one such access
read. A test fails when a table is read whole, or when an access or a sort takes in more than 3,000 rows.
`;

const section = ({ name, plan }: RecordedPlan): string => {
  const lines = readAccesses(plan).map(
    ({ relation, via, rowsRead }) => `- ${relation}: ${via} (${rowsRead})`,
  );
  return `\n## ${name}\n\n${lines.join("\n")}\n`;
};

const withoutCounts = (text: string): string => text.replace(/ \(\d+\)$/gm, "");

const main = async (): Promise<void> => {
  const postgres = await ensurePostgres();
  if (!isRunning(postgres)) throw new Error(`plans need Postgres: ${postgres.missing}`);
  try {
    const stage = await openSeededStage(postgres.url);
    stage.sql.on("error", () => undefined);
    const { rows } = await stage.sql.query("show server_version_num");
    const version = String(Math.floor(Number(rows[0]?.server_version_num) / 10_000));
    const plans = await recordPlans(stage).finally(() => stage.close());
    const faults = plans.flatMap(({ name, plan }) => findFaults(plan).map((fault) => `${name}: ${fault}`));
    for (const fault of faults) console.error(fault);
    const text = head(version) + plans.map(section).join("");
    const isCheck = process.argv.includes("--check");
    if (!isCheck) writeFileSync(page, text);
    const isSame = !isCheck || withoutCounts(readFileSync(page, "utf8")) === withoutCounts(text);
    if (!isSame)
      console.error(
        "docs/query-plans.md is not what this Postgres plans: run npx pnpm plans and look at the difference.",
      );
    if (faults.length > 0 || !isSame) process.exitCode = 1;
  } finally {
    await postgres.stop();
  }
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
