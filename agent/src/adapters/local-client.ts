import { request } from "node:http";
import { join } from "node:path";
import type { AgentStatus } from "../core/agent-status.ts";
import { lendSocketPath } from "./socket-path.ts";

/** Units: milliseconds. */
const answerMsMax = 5_000;

/**
 * Asks the agent that works on a data folder.
 *
 * Errors: rejects when none does, when this user may not ask it (EACCES), or when it does not answer.
 */
export const askAgent = (
  dataDir: string,
  method: "GET" | "POST",
  path: "/status" | "/drain" | "/undrain",
): Promise<AgentStatus> =>
  new Promise((resolve, reject) => {
    const { path: socketPath, release } = lendSocketPath(join(dataDir, "status.sock"));
    const asked = request({ socketPath, method, path, timeout: answerMsMax }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (piece: string) => {
        body += piece;
      });
      answer.once("error", reject);
      answer.once("end", () => {
        try {
          resolve(JSON.parse(body) as AgentStatus);
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.once("close", release);
    asked.once("timeout", () => asked.destroy(new Error("the agent does not answer")));
    asked.once("error", reject);
    asked.end();
  });
