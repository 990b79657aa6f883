import { aptInstall } from "./apt-install.ts";
import { findBinary } from "./find-binary.ts";
import { runCommand } from "./run-command.ts";
import { firstService, type Service } from "./service.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/**
 * A Chromium-like browser for end-to-end tests: `CHROMIUM_PATH`, one the machine has, or apt's (root only).
 *
 * Shape: `url` is the executable's path. Nothing is started, so `stop` does nothing.
 */
export function ensureChromium(env: NodeJS.ProcessEnv = process.env): Promise<Service> {
  return firstService([
    () => check(env.CHROMIUM_PATH || undefined, "CHROMIUM_PATH"),
    () => check(findBinary(NAMES, env.PATH), "the machine's browser"),
    async () => {
      const reason = await aptInstall(["chromium"], env);
      return reason ? { missing: reason } : check(findBinary(NAMES), "installed with apt");
    },
  ]);
}

async function check(file: string | undefined, how: string): Promise<Service> {
  if (!file) return { missing: how === "CHROMIUM_PATH" ? "CHROMIUM_PATH is not set" : "no Chromium here" };
  const { code, output } = await runCommand(file, ["--version"], { timeoutMs: 20_000 });
  if (code !== 0) return { missing: `${file} --version failed: ${output.trim().slice(0, 120)}` };
  return { url: file, how: `${how} (${output.trim().split("\n").at(-1)})`, stop: async () => undefined };
}
