import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
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
  waitingMb: z.number().nullable().default(null),
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
/** A file that grew beyond this is begun anew. Units: bytes. */
const fileBytesMax = 256 * 1024;

/** The latest record that was written whole. Errors: throws when there is none. */
const parseLatest = (text: string): ContainerRecord => {
  const lines = text.split("\n").filter(Boolean);
  const last = lines.pop();
  try {
    return StoredRecord.parse(JSON.parse(last ?? ""));
  } catch (error) {
    const before = lines.pop();
    // Cut off while it was appended: what it was to replace still holds.
    if (before === undefined) throw error;
    return StoredRecord.parse(JSON.parse(before));
  }
};

/** What is not there has no record; what cannot be read (no descriptors left, a sick disk) may well have one. */
const unlessAbsent = (error: NodeJS.ErrnoException): null => {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
  throw error;
};

/**
 * Folders under `dir`. A record is a line appended to its file: one write for each run that comes and goes. A process
 * begins a file, and one that has grown long, anew and by a rename, so that it never appends to a line that was cut off.
 */
export const createContainerRecords = (root: string, logger: Logger): ContainerRecords => {
  const dir = (key: string): string => {
    if (!/^[\w-]{1,200}$/.test(key)) throw new Error(`not a name for a folder: ${key}`);
    return join(root, key);
  };
  const read = async (name: string): Promise<ContainerRecord | null> => {
    const text = await readFile(join(root, name, fileName), "utf8").catch(unlessAbsent);
    if (text === null) return null;
    try {
      return parseLatest(text);
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
  const files = new Map<string, { handle: FileHandle; bytes: number }>();
  const closeFile = async (key: string): Promise<void> => {
    const file = files.get(key);
    files.delete(key);
    await file?.handle.close().catch(() => {});
  };
  const begin = async (key: string, line: string): Promise<void> => {
    await closeFile(key);
    const path = join(dir(key), fileName);
    const handle = await open(`${path}.new`, "w", 0o600);
    try {
      await handle.writeFile(line);
      await rename(`${path}.new`, path);
    } catch (error) {
      await handle.close().catch(() => {});
      throw error;
    }
    files.set(key, { handle, bytes: Buffer.byteLength(line) });
  };
  const write = async (key: string, text: string): Promise<void> => {
    const line = `${text}\n`;
    const file = files.get(key);
    if (!file || file.bytes > fileBytesMax) return begin(key, line);
    file.bytes += Buffer.byteLength(line);
    try {
      await file.handle.appendFile(line);
    } catch (error) {
      await closeFile(key); // the next one must not follow half a line
      throw error;
    }
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
      for (const name of strays) {
        // One of another owner, as the engine makes them when a folder was gone, stands in nobody's way.
        await rm(join(root, name), { recursive: true, force: true }).catch((error: unknown) =>
          logger.warn("a folder that no container uses cannot be removed", {
            folder: join(root, name),
            why: String(error),
          }),
        );
      }
      const known = new Set(records.map((record) => record?.run?.key));
      for (const key of marks.keys()) if (!known.has(key)) marks.forget(key);
    },
    async close() {
      await Promise.all([...saving.values()].map((saved) => saved.catch(() => {})));
      await Promise.all([...files.keys()].map(closeFile));
    },
    async remove(key) {
      await saving.get(key)?.catch(() => {});
      saving.delete(key);
      await closeFile(key);
      await rm(dir(key), { recursive: true, force: true });
    },
  };
};
