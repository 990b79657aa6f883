import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../services/run-command.ts";
import { installedVersion } from "./installed-version.ts";
import type { MadePackage } from "./make-packages.ts";

// By pnpm, whose folders hold back what a package does not declare.
const pnpm = ["-y", "pnpm@12.21.0"];
const installMsMax = 180_000;

/**
 * Installs made packages in a folder as a project would have them.
 *
 * Shape: the file of the installed CLI. Errors: throws with what pnpm said. Cost: about 10 s; the dependencies come
 * from the store of this workspace where they are there.
 */
export const installPackages = async (
  root: string,
  made: readonly MadePackage[],
  dir: string,
): Promise<string> => {
  const files = Object.fromEntries(made.map(({ name, file }) => [name, `file:${file}`]));
  const manifest = {
    name: "installed",
    private: true,
    type: "module",
    dependencies: { "@longshore/sdk": files["@longshore/sdk"] },
    devDependencies: {
      longshore: files.longshore,
      "@types/node": await installedVersion(root, "@types/node"),
    },
  };
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "package.json"), JSON.stringify(manifest));
  // The one that longshore asks for by its version need not be in a registry.
  const workspace = { packages: ["."], overrides: { "@longshore/sdk": files["@longshore/sdk"] } };
  writeFileSync(join(dir, "pnpm-workspace.yaml"), JSON.stringify(workspace));
  const args = [...pnpm, "install", "--prefer-offline", "--ignore-scripts"];
  const { code, output } = await runCommand("npx", args, { cwd: dir, timeoutMs: installMsMax });
  if (code !== 0) throw new Error(`the packages cannot be installed:\n${output}`);
  return join(dir, "node_modules/longshore/bin/longshore.js");
};
