import { relative } from "node:path";
import { isRunning } from "../services/service.ts";
import type { Part } from "./bring-up.ts";
import type { VitestRun } from "./run-vitest.ts";

/** What to print at the end of a run, and the exit code. */
export interface Summary {
  lines: string[];
  exitCode: 0 | 1;
}

/**
 * The last words of `pnpm test`: a table of the parts and of what was skipped, the reasons to fail, and as last line
 * `N passed, N failed, N skipped`.
 *
 * A test file that could not be loaded, and a run that broke without naming a test, count as one failure each.
 * With `requireAll` a missing part or a skipped test fails the run.
 */
export function summarise(
  parts: readonly Part[],
  run: VitestRun,
  root: string,
  requireAll: boolean,
): Summary {
  const skippedByFile = listSkipped(run, root);
  const missing = parts.filter(({ service }) => !isRunning(service)).map(({ need }) => need);
  const passed = run.report?.numPassedTests ?? 0;
  const skipped = (run.report?.numPendingTests ?? 0) + (run.report?.numTodoTests ?? 0);
  const counted = (run.report?.numFailedTests ?? 0) + countBrokenFiles(run);
  const isBroken = counted === 0 && run.exitCode !== 0;
  const reasons = [
    ...(isBroken ? [`vitest ended with ${run.exitCode ?? "a signal"} without naming a failed test`] : []),
    ...(requireAll && missing.length > 0
      ? [`LONGSHORE_REQUIRE_ALL is set and these are missing: ${missing.join(", ")}`]
      : []),
    ...(requireAll && skipped > 0 ? [`LONGSHORE_REQUIRE_ALL is set and tests were skipped: ${skipped}`] : []),
  ];
  const failed = isBroken ? 1 : counted;
  const rows = [...parts.map(partRow), ...skippedByFile];
  return {
    lines: [
      ...table(["part", "status", "why"], rows),
      ...reasons.map((reason) => `failed: ${reason}`),
      `${passed} passed, ${failed} failed, ${skipped} skipped`,
    ],
    exitCode: failed > 0 || reasons.length > 0 ? 1 : 0,
  };
}

function partRow({ need, service }: Part): string[] {
  return isRunning(service) ? [need, "ready", service.how] : [need, "missing", service.missing];
}

function listSkipped({ report }: VitestRun, root: string): string[][] {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults }) => {
    const skipped = assertionResults.filter(({ status }) => !["passed", "failed"].includes(status));
    if (skipped.length === 0) return [];
    return [[relative(root, name), `${skipped.length} skipped`, skipped[0]?.fullName ?? ""]];
  });
}

function countBrokenFiles({ report }: VitestRun): number {
  const files = report?.testResults ?? [];
  return files.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((result) => result.status === "failed"),
  ).length;
}

function table(head: string[], rows: string[][]): string[] {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join(" | "),
  );
}
