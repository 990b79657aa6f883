import type { LogLine } from "@longshore/shared/contract/runs";
import type { OutputLine } from "./output-reader.ts";

const waitMs = 100;
const linesMax = 500;
const charsMax = 256 * 1024;

/** Gathers lines for at most 100 ms, numbers them within the attempt, and hands them on in order. */
export const createLogBatch = (attempt: number, deliver: (lines: LogLine[]) => void) => {
  let lines: LogLine[] = [];
  let chars = 0;
  let lastSeq = 0;
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
    if (lines.length === 0) return;
    const full = lines;
    lines = [];
    chars = 0;
    deliver(full);
  };
  return {
    add(line: OutputLine): void {
      lines.push({ ...line, seq: ++lastSeq, attempt });
      chars += line.message.length;
      if (lines.length >= linesMax || chars >= charsMax) flush();
      else timer ??= setTimeout(flush, waitMs);
    },
    flush,
  };
};
