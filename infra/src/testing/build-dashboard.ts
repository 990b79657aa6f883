import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { z } from "zod";
import { runCommand } from "../services/run-command.ts";

const BUILD_MS_MAX = 180_000;
const Package = z.object({ scripts: z.object({ build: z.string().optional() }).default({}) });

/**
 * Builds the dashboard, which end-to-end tests open in a browser, when it has a build script.
 *
 * Runs the script itself rather than pnpm, which may not be in PATH.
 *
 * Errors: throws with the build's output when it fails.
 */
export async function buildDashboard(root: string, env: NodeJS.ProcessEnv): Promise<void> {
  const folder = join(root, "edge-api/dashboard");
  const file = join(folder, "package.json");
  const script = existsSync(file)
    ? Package.parse(JSON.parse(readFileSync(file, "utf8"))).scripts.build
    : undefined;
  if (!script) return;
  const path = [join(folder, "node_modules/.bin"), join(root, "node_modules/.bin"), env.PATH].join(delimiter);
  const options = { cwd: folder, env: { ...env, PATH: path }, timeoutMs: BUILD_MS_MAX };
  const { code, output } = await runCommand("sh", ["-c", script], options);
  if (code !== 0) throw new Error(`the dashboard's build failed:\n${output}`);
}
