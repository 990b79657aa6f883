import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../services/run-command.ts";

/** What the peers are measured with: exact, so that figures of two machines can be compared. */
const packages = { "pg-boss": "12.38.0", node: "22.23.3", pg: "8.23.1" };

const installMs = 300_000;

/** A peer that can be measured: `run` executes one measurement on an empty database and answers its JSON line. */
export type Peer = {
  run(measurement: string, databaseUrl: string): Promise<{ name: string } & Record<string, unknown>>;
};

const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "longshore", `peers-${packages["pg-boss"]}`);

/**
 * pg-boss with the Node that it needs, installed once into the user's cache folder: neither can be in the workspace,
 * which promises to run on Node 20.
 *
 * Shape: the reason as one line when it cannot be had.
 */
export const installPeer = async (): Promise<Peer | { missing: string }> => {
  const folder = cacheFolder();
  const node = join(folder, "node_modules", "node", "bin", "node");
  if (!existsSync(node) || !existsSync(join(folder, "node_modules", "pg-boss"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: packages }));
    console.error(`Installing pg-boss ${packages["pg-boss"]} and Node ${packages.node} into ${folder}`);
    const { code, output } = await runCommand("npm", ["install", "--no-audit", "--no-fund"], {
      cwd: folder,
      timeoutMs: installMs,
    });
    if (code !== 0 || !existsSync(node))
      return { missing: `pg-boss could not be installed: ${output.trim().split("\n").at(-1)}` };
  }
  const script = join(folder, "pg-boss.mjs");
  // Beside its packages, or Node would not find them.
  copyFileSync(fileURLToPath(new URL("./pg-boss.mjs", import.meta.url)), script);
  return {
    run: async (measurement, databaseUrl) => {
      const { code, output } = await runCommand(node, [script, measurement], {
        cwd: folder,
        env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl },
        timeoutMs: installMs,
      });
      const line = output.split("\n").find((text) => text.startsWith('{"name"'));
      if (code !== 0 || line === undefined) throw new Error(`pg-boss ${measurement}: ${output.trim()}`);
      return JSON.parse(line);
    },
  };
};
