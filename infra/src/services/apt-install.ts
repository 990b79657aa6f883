import { existsSync, rmSync, writeFileSync } from "node:fs";
import { findBinary } from "./find-binary.ts";
import { runCommand } from "./run-command.ts";

const POLICY_FILE = "/usr/sbin/policy-rc.d";
const APT_OPTIONS = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];
const INSTALL_MS_MAX = 300_000;

let queue: Promise<unknown> = Promise.resolve();
let isUpdated = false;

/**
 * Installs Debian packages when we are root on a system with apt; answers why not otherwise.
 *
 * Calls wait for one another (dpkg has one lock). No package may start its daemon: we start our own, so a
 * policy-rc.d that says no is in place while apt runs. `LONGSHORE_NO_INSTALL=1` turns all of this off.
 *
 * Errors: none thrown; a reason in one line, undefined when installed.
 */
export function aptInstall(packages: readonly string[], env = process.env): Promise<string | undefined> {
  if (env.LONGSHORE_NO_INSTALL === "1") return Promise.resolve("LONGSHORE_NO_INSTALL is set");
  if (process.getuid?.() !== 0) return Promise.resolve("not root, so nothing is installed");
  const apt = findBinary(["apt-get"], env.PATH);
  if (!apt) return Promise.resolve("no apt-get here");
  const turn = queue.then(() => install(apt, packages, env));
  queue = turn.catch(() => undefined);
  return turn;
}

async function install(apt: string, packages: readonly string[], env: NodeJS.ProcessEnv) {
  const options = { timeoutMs: INSTALL_MS_MAX, env: { ...env, DEBIAN_FRONTEND: "noninteractive" } };
  const isPolicyOurs = !existsSync(POLICY_FILE);
  if (isPolicyOurs) writeFileSync(POLICY_FILE, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    if (!isUpdated) await runCommand(apt, ["update", "-q", "-o", "DPkg::Lock::Timeout=300"], options);
    isUpdated = true;
    const { code, output } = await runCommand(apt, ["install", ...APT_OPTIONS, ...packages], options);
    if (code === 0) return undefined;
    const lastLine = output.trim().split("\n").at(-1) ?? "";
    return `apt-get install ${packages.join(" ")} failed: ${lastLine.slice(0, 200)}`;
  } finally {
    if (isPolicyOurs) rmSync(POLICY_FILE, { force: true });
  }
}
