import { timingSafeEqual } from "node:crypto";
import { chmod, mkdir, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import {
  type AgentFrame,
  frameBytesMax,
  RunnerFrame,
  runnerProtocolVersion,
} from "@longshore/shared/contract/runner-protocol";
import { encodeLine, lineSplitter } from "@longshore/shared/core/json-lines";
import type { Logger } from "../ports/logger.ts";
import type { OpenRunnerSocket, RunnerHandlers } from "../ports/runner-socket.ts";
import { shortSocketPath } from "./socket-path.ts";

const sameText = (a: string, b: string): boolean => {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
};

/** Units: milliseconds; a peer that says nothing is not a runner. */
const helloWithinMs = 5_000;

/** One connection: everything that comes from a container is checked before it is believed. */
const serve = (
  socket: Socket,
  token: string,
  handlers: RunnerHandlers,
  on: { hello(): void; closed(wasRunner: boolean): void; refused(why: string): void },
): void => {
  const splitter = lineSplitter(frameBytesMax);
  let isRunner = false;
  const timer = setTimeout(() => socket.destroy(), helloWithinMs);
  const greet = (frame: RunnerFrame): void => {
    if (frame.t !== "hello" || !sameText(frame.token, token))
      throw new Error("no hello with the right token");
    if (frame.protocol !== runnerProtocolVersion) {
      throw new Error(`runner speaks version ${frame.protocol}, this agent ${runnerProtocolVersion}`);
    }
    clearTimeout(timer);
    isRunner = true;
    on.hello();
    const { ack } = handlers.onHello(frame);
    socket.write(encodeLine({ t: "welcome", ack } satisfies AgentFrame));
  };
  socket.setEncoding("utf8");
  socket.on("data", (piece: string) => {
    try {
      for (const line of splitter.push(piece)) {
        const frame = RunnerFrame.parse(JSON.parse(line));
        if (!isRunner) greet(frame);
        else if (frame.t !== "hello") handlers.onFrame(frame);
      }
    } catch (error) {
      on.refused(error instanceof Error ? error.message : String(error));
      socket.destroy();
    }
  });
  socket.on("error", () => {}); // close follows
  socket.on("close", () => {
    clearTimeout(timer);
    on.closed(isRunner);
  });
};

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });

/** Unix sockets, one per execution. The newest connection with the right token is the runner. */
export const createOpenRunnerSocket =
  (logger: Logger): OpenRunnerSocket =>
  async (socketDir, token, handlers) => {
    await mkdir(socketDir, { recursive: true, mode: 0o755 });
    const path = join(socketDir, "agent.sock");
    await rm(path, { force: true });
    const open = new Set<Socket>();
    let runner: Socket | null = null;
    const server = createServer((socket) => {
      open.add(socket);
      serve(socket, token, handlers, {
        hello() {
          runner?.destroy();
          runner = socket;
        },
        closed(wasRunner) {
          open.delete(socket);
          if (!wasRunner || (runner !== null && runner !== socket)) return;
          runner = null;
          handlers.onClosed();
        },
        refused: (why) => logger.warn("a connection to a run's socket was refused", { socketDir, why }),
      });
    });
    await listen(server, shortSocketPath(path));
    // The container's user is another one; only that container sees this folder.
    await chmod(path, 0o666);
    return {
      send(frame) {
        if (!runner) return false;
        runner.write(encodeLine(frame));
        return true;
      },
      isConnected: () => runner !== null,
      close: () =>
        new Promise((resolve) => {
          for (const socket of open) socket.destroySoon();
          server.close(() => resolve());
        }),
    };
  };
