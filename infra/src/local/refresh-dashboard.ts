import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { buildDashboard } from "../testing/build-dashboard.ts";

const newestMs = async (dir: string): Promise<number> => {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Math.max(0, ...(await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))));
};

/**
 * Builds the dashboard's pages unless those there are newer than their sources. Cost: some seconds when it builds.
 * Shape: whether it built.
 */
export const refreshDashboard = async (root: string): Promise<boolean> => {
  const dashboard = join(root, "edge-api/dashboard");
  const index = join(dashboard, "dist/index.html");
  if (existsSync(index) && (await stat(index)).mtimeMs > (await newestMs(join(dashboard, "src"))))
    return false;
  await buildDashboard(root, process.env);
  return true;
};
