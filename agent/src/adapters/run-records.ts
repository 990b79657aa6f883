import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CompletedWait, Lease } from "@longshore/shared/contract/agent-protocol";
import { z } from "zod";
import type { Logger } from "../ports/logger.ts";
import type { RunRecord, RunRecords } from "../ports/run-records.ts";

const StoredRecord = z.object({
  key: z.string(),
  lease: Lease,
  runnerToken: z.string(),
  waitFrame: z.int().nullable(),
  isWaiting: z.boolean(),
  continuation: z.array(CompletedWait).nullable(),
});

/** Folders under `runsDir`. A record is replaced by a rename, so that it is whole at any instant. */
export const createRunRecords = (runsDir: string, logger: Logger): RunRecords => {
  const runDir = (key: string): string => {
    if (!/^[\w-]{1,200}$/.test(key)) throw new Error(`not a name for a folder: ${key}`);
    return join(runsDir, key);
  };
  const read = async (name: string): Promise<RunRecord | null> => {
    const text = await readFile(join(runsDir, name, "run.json"), "utf8").catch(() => null);
    if (text === null) return null;
    try {
      return StoredRecord.parse(JSON.parse(text));
    } catch (error) {
      logger.warn("a run's record cannot be read", { name, why: String(error) });
      return null;
    }
  };
  const saving = new Map<string, Promise<void>>();
  const write = async (record: RunRecord): Promise<void> => {
    const path = join(runDir(record.key), "run.json");
    await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  return {
    runDir,
    socketDir: (key) => join(runDir(key), "s"),
    async save(record) {
      const { key } = record;
      const whole = structuredClone(record);
      const before = saving.get(key);
      const mine = (async () => {
        if (before) await before.catch(() => {});
        else await mkdir(join(runDir(key), "s"), { recursive: true, mode: 0o755 });
        await write(whole);
      })();
      saving.set(key, mine);
      await mine;
    },
    async list() {
      const names = await readdir(runsDir).catch(() => []);
      return (await Promise.all(names.map(read))).filter((record) => record !== null);
    },
    async removeStrays(marks) {
      const names = await readdir(runsDir).catch(() => []);
      const records = await Promise.all(names.map(read));
      const strays = names.filter((_, index) => records[index] === null);
      for (const name of strays) await rm(join(runsDir, name), { recursive: true, force: true });
      const known = new Set(records.map((record) => record?.key));
      for (const key of marks.keys()) if (!known.has(key)) marks.forget(key);
    },
    async remove(key) {
      await saving.get(key)?.catch(() => {});
      saving.delete(key);
      await rm(runDir(key), { recursive: true, force: true });
    },
  };
};
