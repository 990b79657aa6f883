import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * When this process of the agent began, later than any before it on the same data folder: the API takes the later of two
 * processes with one identity, and a clock that was set back must not make the only one there is the older.
 *
 * Units: Unix milliseconds. Errors: none; on a disk that takes nothing the clock alone counts at the next start.
 */
export const bootTime = async (dataDir: string, nowMs: number): Promise<number> => {
  const file = join(dataDir, "last-boot");
  const lastMs = Number(await readFile(file, "utf8").catch(() => "0"));
  const ms = Number.isSafeInteger(lastMs) ? Math.max(nowMs, lastMs + 1) : nowMs;
  try {
    await writeFile(`${file}.new`, String(ms), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch {
    // It is only for clocks that are set back.
  }
  return ms;
};
