import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { startChild } from "../services/start-child.ts";
import { makeTempFolder } from "../services/temp-folder.ts";

const VITEST_STOP_MS_MAX = 10_000;

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

/** What vitest's JSON reporter writes, as far as we read it. */
export type Report = z.infer<typeof Report>;

/** How a run of vitest ended; `report` is undefined when it did not get as far as writing one. */
export interface VitestRun {
  exitCode: number | null;
  report: Report | undefined;
}

/**
 * Runs vitest once over the whole house, showing its own output.
 *
 * Shape: `args` are vitest's own: file filters, `-t name`.
 */
export async function runVitest(
  root: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<VitestRun> {
  const folder = makeTempFolder("vitest");
  const file = join(folder.path, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  try {
    const child = await startChild({
      command: process.execPath,
      args: [join(root, "node_modules/vitest/vitest.mjs"), "run", ...reporters, ...args],
      cwd: root,
      env,
      logFile: "inherit",
      orphanSignal: "TERM",
      graceMs: VITEST_STOP_MS_MAX,
    });
    const exitCode = await child.untilExit();
    const report = existsSync(file) ? Report.parse(JSON.parse(readFileSync(file, "utf8"))) : undefined;
    return { exitCode, report };
  } finally {
    folder.remove();
  }
}
