import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerRecord } from "../ports/container-records.ts";

/** The records of an agent's runner containers, as they are on its disk now. */
export const boxRecords = async (dataDir: string): Promise<ContainerRecord[]> => {
  const root = join(dataDir, "runs");
  const names = await readdir(root).catch(() => []);
  const texts = await Promise.all(
    names.map((name) => readFile(join(root, name, "container.json"), "utf8").catch(() => null)),
  );
  return texts.flatMap((text) =>
    text === null ? [] : [JSON.parse(text.trimEnd().split("\n").at(-1) ?? "") as ContainerRecord],
  );
};

/** Keys of the containers that a run is in. */
export const boxesOf = async (dataDir: string, runId: string): Promise<string[]> =>
  (await boxRecords(dataDir)).filter(({ run }) => run?.lease.runId === runId).map(({ key }) => key);
