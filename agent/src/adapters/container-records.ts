import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CompletedWait, Lease } from "@longshore/shared/contract/agent-protocol";
import { machineNames } from "@longshore/shared/contract/machines";
import { z } from "zod";
import type { ContainerRecord, ContainerRecords } from "../ports/container-records.ts";
import type { Logger } from "../ports/logger.ts";

const StoredRun = z.object({
  key: z.string(),
  lease: Lease,
  waitFrame: z.int().nullable(),
  isWaiting: z.boolean(),
  waitingSince: z.number(),
  continuation: z.array(CompletedWait).nullable(),
});
const StoredRecord = z.object({
  key: z.string(),
  token: z.string(),
  generation: z.string(),
  machine: z.enum(machineNames),
  // Agents before images wrote none.
  image: z.string().nullable().default(null),
  binding: z
    .object({
      environmentId: z.string(),
      deploymentId: z.string(),
      bundleHash: z.string(),
      entry: z.string(),
    })
    .nullable(),
  framesHeard: z.int(),
  run: StoredRun.nullable(),
});
const fileName = "container.json";

/** What is not there has no record; what cannot be read (no descriptors left, a sick disk) may well have one. */
const unlessAbsent = (error: NodeJS.ErrnoException): null => {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
  throw error;
};

/** Folders under `dir`. A record is replaced by a rename, so that it is whole at any instant. */
export const createContainerRecords = (root: string, logger: Logger): ContainerRecords => {
  const dir = (key: string): string => {
    if (!/^[\w-]{1,200}$/.test(key)) throw new Error(`not a name for a folder: ${key}`);
    return join(root, key);
  };
  const read = async (name: string): Promise<ContainerRecord | null> => {
    const text = await readFile(join(root, name, fileName), "utf8").catch(unlessAbsent);
    if (text === null) return null;
    try {
      return StoredRecord.parse(JSON.parse(text));
    } catch (error) {
      logger.warn("the record of a container cannot be read", { name, why: String(error) });
      return null;
    }
  };
  const saving = new Map<string, Promise<void>>();
  const makeFolders = async (key: string): Promise<void> => {
    await mkdir(join(dir(key), "s"), { recursive: true, mode: 0o755 });
    await mkdir(join(dir(key), "b"), { recursive: true, mode: 0o755 });
  };
  const write = async (key: string, text: string): Promise<void> => {
    const path = join(dir(key), fileName);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  return {
    dir,
    socketDir: (key) => join(dir(key), "s"),
    bundleDir: (key) => join(dir(key), "b"),
    async save(record) {
      const { key } = record;
      const text = JSON.stringify(record);
      const before = saving.get(key);
      const mine = (async () => {
        if (before) await before.catch(() => {});
        else await makeFolders(key);
        await write(key, text);
      })();
      saving.set(key, mine);
      await mine;
    },
    async list() {
      const names = (await readdir(root).catch(unlessAbsent)) ?? [];
      return (await Promise.all(names.map(read))).filter((record) => record !== null);
    },
    async removeStrays(marks) {
      const names = (await readdir(root).catch(unlessAbsent)) ?? [];
      const records = await Promise.all(names.map(read));
      const strays = names.filter((_, index) => records[index] === null);
      for (const name of strays) await rm(join(root, name), { recursive: true, force: true });
      const known = new Set(records.map((record) => record?.run?.key));
      for (const key of marks.keys()) if (!known.has(key)) marks.forget(key);
    },
    async remove(key) {
      await saving.get(key)?.catch(() => {});
      saving.delete(key);
      await rm(dir(key), { recursive: true, force: true });
    },
  };
};
