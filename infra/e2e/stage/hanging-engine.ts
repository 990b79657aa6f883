import { createServer, request } from "node:http";
import { join } from "node:path";

/** A way to an engine on which the creation of containers can hang. */
export type HangingEngine = {
  /** As DOCKER_HOST takes it. */
  host: string;
  hang(isHanging: boolean): void;
  /** Creations that were asked for while it hung. */
  hanging(): number;
  close(): Promise<void>;
};

/** Passes HTTP on to the engine's socket; while it hangs, `POST /containers/create` is never answered. */
export const startHangingEngine = async (folder: string, engineHost: string): Promise<HangingEngine> => {
  const socketPath = engineHost.replace("unix://", "");
  let isHanging = false;
  let count = 0;
  const server = createServer((from, back) => {
    if (isHanging && from.method === "POST" && /\/containers\/create/.test(from.url ?? "")) {
      count++;
      return;
    }
    const to = request(
      { socketPath, method: from.method, path: from.url, headers: from.headers },
      (answer) => {
        back.writeHead(answer.statusCode ?? 502, answer.headers);
        back.flushHeaders();
        answer.pipe(back);
      },
    );
    to.on("error", () => back.destroy());
    back.on("close", () => to.destroy());
    from.pipe(to);
  });
  const path = join(folder, "hanging.sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`,
    hang(is) {
      isHanging = is;
    },
    hanging: () => count,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
