import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { runnerFiles } from "./build-runner.ts";

/**
 * Copies the runner into the agent's data folder under a name of its content: the engine's host can mount it from there,
 * and an upgraded agent does not change files under containers that run.
 */
export const placeRunner = async (fromDir: string, dataDir: string): Promise<string> => {
  const hash = createHash("sha256");
  for (const file of runnerFiles) hash.update(await readFile(join(fromDir, file)));
  const target = join(dataDir, "runner", hash.digest("hex").slice(0, 16));
  if (await stat(target).catch(() => null)) return target;
  const fresh = `${target}.${process.pid}.new`;
  await mkdir(fresh, { recursive: true, mode: 0o755 });
  for (const file of runnerFiles) await copyFile(join(fromDir, file), join(fresh, file));
  await rename(fresh, target).catch(() => rm(fresh, { recursive: true, force: true }));
  return target;
};
