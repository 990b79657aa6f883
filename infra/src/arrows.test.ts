import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { runCommand } from "./services/run-command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const depcruise = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");

const Report = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string() }) })),
  }),
});

/** Names of the rules that each source breaks, put into its room for a moment. One run for all: it costs seconds. */
const cruise = async (sources: readonly (readonly [room: string, source: string])[]): Promise<string[][]> => {
  const folders: string[] = [];
  try {
    for (const [room, source] of sources) {
      const folder = mkdtempSync(join(root, room, "zz-arrow-"));
      folders.push(folder);
      writeFileSync(join(folder, "probe.ts"), source);
    }
    const paths = folders.map((folder) => folder.slice(root.length));
    const args = [depcruise, "--config", ".dependency-cruiser.cjs", "--output-type", "json", ...paths];
    const output = join(mkdtempSync(join(tmpdir(), "arrows-")), "report.json");
    await runCommand(process.execPath, [...args, "--output-to", output], { cwd: root });
    const { violations } = Report.parse(JSON.parse(readFileSync(output, "utf8"))).summary;
    return paths.map((path) =>
      violations.filter(({ from }) => from.startsWith(path)).map(({ rule }) => rule.name),
    );
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true });
  }
};

describe("the arrows of the house", () => {
  const forbidden: [rule: string, room: string, source: string][] = [
    ["domain", "edge-api/src/domain", 'import "../../db/database.ts";'],
    ["db", "edge-api/src/db", 'import "../../services/deps.ts";'],
    ["services", "edge-api/src/services", 'import "../../routes/app.ts";'],
    ["routes", "edge-api/src/routes", 'import "../../db/schema/record.ts";'],
    ["hints", "edge-api/src/hints", 'import "../../services/deps.ts";'],
    ["dashboard", "edge-api/dashboard/src", 'import "../../../src/services/deps.ts";'],
    ["contract", "shared/src/contract", 'import "../../core/ids.ts";'],
    ["sdk", "sdk/src", 'import "../../../agent/src/version.ts";'],
    ["agent-core", "agent/src/core", 'import "../../adapters/process.ts";'],
    ["agent-loops", "agent/src/loops", 'import "../../adapters/process.ts";'],
    ["agent-runner", "agent/src/runner", 'import "../../adapters/process.ts";'],
    ["node-in-platform", "edge-api/src/services", 'import "node:fs";'],
    ["official-client-in-its-proof", "sdk/src", 'import "official-trigger-sdk";'],
    ["dockerode-in-its-adapter", "agent/src/loops", 'import "dockerode";'],
  ];

  const allowed = ["edge-api/src/services", 'import "../../db/database.ts";'] as const;
  let broken: string[][] = [];
  beforeAll(async () => {
    broken = await cruise([...forbidden.map(([, room, source]) => [room, source] as const), allowed]);
  }, 60_000);

  test.each(forbidden.map(([rule], index) => [rule, index] as const))(
    "%s: an import out of the room is an error",
    (rule, index) => {
      expect(broken[index]).toContain(rule);
    },
  );

  test("an import along the arrows is none", () => {
    expect(broken.at(-1)).toEqual([]);
  });
});
