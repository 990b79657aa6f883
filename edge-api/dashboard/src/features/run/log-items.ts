import type { LogLine } from "@longshore/shared/contract/runs";

/** A row of the log view: a line, or the mark where another attempt begins. */
export type LogItem = { kind: "line"; line: LogLine } | { kind: "attempt"; number: number };

export const levelFilters = [
  { value: "all", label: "All levels" },
  { value: "info", label: "Info and above" },
  { value: "warn", label: "Warnings and errors" },
  { value: "error", label: "Errors" },
] as const;
export type LevelFilter = (typeof levelFilters)[number]["value"];

const ranks: Record<LogLine["level"], number> = { trace: 0, debug: 1, log: 2, info: 2, warn: 3, error: 4 };
const leastRank: Record<LevelFilter, number> = { all: 0, info: 2, warn: 3, error: 4 };

const matches = (line: LogLine, wanted: string): boolean =>
  line.message.toLowerCase().includes(wanted) ||
  (line.attributes !== undefined && JSON.stringify(line.attributes).toLowerCase().includes(wanted));

/** The rows to show: lines of at least a level that contain the text, marked where an attempt begins. */
export const toLogItems = (lines: readonly LogLine[], level: LevelFilter, search: string): LogItem[] => {
  const wanted = search.trim().toLowerCase();
  const severalAttempts = lines.length > 0 && lines.at(-1)?.attempt !== lines[0]?.attempt;
  const items: LogItem[] = [];
  let attempt = 0;
  for (const line of lines) {
    if (ranks[line.level] < leastRank[level] || (wanted !== "" && !matches(line, wanted))) continue;
    if (severalAttempts && line.attempt !== attempt) items.push({ kind: "attempt", number: line.attempt });
    attempt = line.attempt;
    items.push({ kind: "line", line });
  }
  return items;
};
