import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { AgentStatus } from "@longshore/agent/agent";
import { bundleAgent } from "../images/build-agent-image.ts";
import { atEnd } from "../services/at-end.ts";
import { makeTempFolder } from "../services/temp-folder.ts";
import type { Stage } from "./stage.ts";

/** The agent as it is shipped, in a process of its own. */
export type AgentProcess = {
  status(): Promise<AgentStatus>;
  /** Resolves when the status is as wanted. Errors: rejects after a minute. */
  until(what: string, isTrue: (status: AgentStatus) => boolean): Promise<AgentStatus>;
  /** Resident memory. Units: MiB. */
  rssMb(): number;
  stop(): Promise<void>;
};

const readStatus = (socketPath: string): Promise<AgentStatus> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/" }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => resolve(JSON.parse(text) as AgentStatus));
    });
    asked.on("error", reject);
    asked.end();
  });

let bundled: Promise<string> | null = null;

/** Starts an agent of the stage's own. Units of `env`: as in docs/configuration.md. */
export const startAgentProcess = async (stage: Stage, env: Record<string, string>): Promise<AgentProcess> => {
  bundled ??= bundleAgent();
  const main = join(await bundled, "agent/bin/agent.mjs");
  const { token } = await stage.http.json<{ token: string }>(
    "POST",
    "/api/v1/agents/enrol-tokens",
    undefined,
    { authorization: `Bearer ${stage.apiKey}` },
  );
  const folder = makeTempFolder("bench-agent");
  const dataDir = join(folder.path, "data");
  mkdirSync(dataDir);
  const child = spawn(process.execPath, [main], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH,
      LONGSHORE_URL: stage.url,
      LONGSHORE_ENROL_TOKEN: token,
      LONGSHORE_AGENT_DATA: dataDir,
      LONGSHORE_RUNTIME: "docker",
      ...env,
    },
  });
  const gone = once(child, "exit");
  const forget = atEnd({
    stop: async () => void child.kill("SIGTERM"),
    killNow: () => void child.kill("SIGKILL"),
  });
  const status = () => readStatus(join(dataDir, "status.sock"));
  const until: AgentProcess["until"] = async (what, isTrue) => {
    const endsAt = Date.now() + 60_000;
    while (Date.now() < endsAt) {
      if (child.exitCode !== null) throw new Error(`the agent ended while waiting for ${what}`);
      const seen = await status().catch(() => null);
      if (seen && isTrue(seen)) return seen;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`waited a minute for ${what}`);
  };
  await until("the agent's start", ({ healthy }) => healthy);
  return {
    status,
    until,
    rssMb() {
      const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"));
      return Math.round(Number(found?.[1]) / 102.4) / 10;
    },
    async stop() {
      child.kill("SIGTERM");
      await gone;
      forget();
      folder.remove();
    },
  };
};
