import { chmod, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { shortSocketPath } from "./socket-path.ts";

/**
 * Says what the agent is doing now, to whoever may open its data folder: `curl --unix-socket <data>/status.sock http://agent/`.
 *
 * Shape: 200 while it works, 503 while it does not hear the API; the body is `status()` in either case.
 */
export const serveStatus = async (
  dataDir: string,
  status: () => { healthy: boolean },
): Promise<() => Promise<void>> => {
  const path = join(dataDir, "status.sock");
  await rm(path, { force: true });
  const server = createServer((_request, response) => {
    const now = status();
    response.writeHead(now.healthy ? 200 : 503, { "content-type": "application/json", connection: "close" });
    response.end(`${JSON.stringify(now)}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(shortSocketPath(path), resolve);
  });
  await chmod(path, 0o600);
  server.unref();
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
};
