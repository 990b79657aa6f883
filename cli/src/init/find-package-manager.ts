import { access } from "node:fs/promises";
import path from "node:path";

export type PackageManager = "npm" | "pnpm" | "yarn" | "bun";

const lockfiles: Record<string, PackageManager> = {
  "pnpm-lock.yaml": "pnpm",
  "yarn.lock": "yarn",
  "bun.lock": "bun",
  "bun.lockb": "bun",
  "package-lock.json": "npm",
  "npm-shrinkwrap.json": "npm",
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** The package manager of a project: by the nearest lockfile, here or in a folder above (a workspace has one at its root); else by who runs this. */
export const findPackageManager = async (dir: string): Promise<PackageManager> => {
  for (const [name, manager] of Object.entries(lockfiles)) {
    if (await exists(path.join(dir, name))) return manager;
  }
  const parent = path.dirname(dir);
  if (parent !== dir && !(await exists(path.join(dir, ".git")))) return findPackageManager(parent);
  const agent = /^(npm|pnpm|yarn|bun)\//.exec(process.env.npm_config_user_agent ?? "")?.[1];
  return (agent as PackageManager | undefined) ?? "npm";
};
