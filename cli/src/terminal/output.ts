import { style } from "./style.ts";

/** Writes a line to standard output. */
export const print = (line = ""): void => {
  process.stdout.write(`${line}\n`);
};

/** Writes a value as one line of JSON: an entry of a stream under `--json`. */
export const printJsonLine = (value: unknown): void => print(JSON.stringify(value));

/** Writes a value as JSON: the only thing on standard output under `--json`. */
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Writes to standard error: progress and warnings, which `--json` must not mix with the answer. */
export const printNote = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Rows as columns of even width. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)),
    [],
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return rows.map((row, i) => (i === 0 ? style("bold", line(row)) : line(row))).join("\n");
};
