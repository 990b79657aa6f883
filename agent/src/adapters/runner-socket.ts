import { createHash } from "node:crypto";
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
import { writeTogether } from "@longshore/shared/core/write-together";
import type { Logger } from "../ports/logger.ts";
import type { OpenRunnerSocket, RunnerHandlers, RunnerSocket } from "../ports/runner-socket.ts";
import { listenAtPath } from "./socket-path.ts";

/** Units: milliseconds; a peer that says nothing is not a runner. */
const helloWithinMs = 5_000;

/**
 * How long an acknowledgement may wait for another frame to go with: a runner only forgets what it has kept, and each word
 * wakes its process. Units: milliseconds.
 */
const ackMsMax = 20;

/** Tokens are looked up by their digest, so that the time it takes tells nothing about them. */
const digest = (token: string): string => createHash("sha256").update(token).digest("hex");

/** One container's end: the newest connection that showed its token is its runner. */
type Port = RunnerSocket & {
  handlers: RunnerHandlers;
  take(socket: Socket): void;
  lose(socket: Socket): void;
};

const createPort = (handlers: RunnerHandlers, close: () => Promise<void>): Port => {
  let runner: Socket | null = null;
  /** The highest number that is to be acknowledged: the others before it are by that. */
  let ack: number | null = null;
  let ackTimer: NodeJS.Timeout | null = null;
  const dropAck = (): void => {
    if (ackTimer) clearTimeout(ackTimer);
    ackTimer = null;
    ack = null;
  };
  const tellAck = (): void => {
    const seq = ack;
    dropAck();
    if (seq !== null && runner) writeTogether(runner, encodeLine({ t: "ack", seq } satisfies AgentFrame));
  };
  return {
    handlers,
    take(socket) {
      runner?.destroy();
      runner = socket;
      dropAck(); // its welcome says it
    },
    lose(socket) {
      if (runner !== null && runner !== socket) return;
      runner = null;
      handlers.onClosed();
    },
    send(frame) {
      if (!runner) return false;
      if (frame.t === "ack") {
        ack = Math.max(ack ?? 0, frame.seq);
        ackTimer ??= setTimeout(tellAck, ackMsMax).unref();
        return true;
      }
      tellAck();
      writeTogether(runner, encodeLine(frame));
      return true;
    },
    isConnected: () => runner !== null,
    async close() {
      dropAck();
      runner?.destroySoon();
      await close();
    },
  };
};

/** One connection: everything that comes from a container is checked before it is believed. */
const serve = (
  socket: Socket,
  find: (digest: string) => Port | undefined,
  refused: (why: string) => void,
): void => {
  const splitter = lineSplitter(frameBytesMax);
  let port: Port | undefined;
  const timer = setTimeout(() => socket.destroy(), helloWithinMs);
  const greet = (frame: RunnerFrame): void => {
    const found = frame.t === "hello" ? find(digest(frame.token)) : undefined;
    if (frame.t !== "hello" || !found) throw new Error("no hello with the right token");
    if (frame.protocol !== runnerProtocolVersion) {
      throw new Error(`runner speaks version ${frame.protocol}, this agent ${runnerProtocolVersion}`);
    }
    clearTimeout(timer);
    port = found;
    port.take(socket);
    const { ack } = port.handlers.onHello(frame);
    socket.write(encodeLine({ t: "welcome", ack } satisfies AgentFrame));
  };
  socket.setEncoding("utf8");
  socket.on("data", (piece: string) => {
    try {
      for (const line of splitter.push(piece)) {
        const frame = RunnerFrame.parse(JSON.parse(line));
        if (!port) greet(frame);
        else if (frame.t !== "hello") port.handlers.onFrame(frame);
      }
    } catch (error) {
      refused(error instanceof Error ? error.message : String(error));
      port?.handlers.onUnreadable();
      socket.destroy();
    }
  });
  socket.on("error", () => {}); // close follows
  socket.on("close", () => {
    clearTimeout(timer);
    port?.lose(socket);
  });
};

const listening = (server: Server, listen: (done: () => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    listen(resolve);
  });

/** Unix sockets, one per container, which only that container sees. */
export const createOpenRunnerSocket =
  (logger: Logger): OpenRunnerSocket =>
  async (socketDir, token, handlers) => {
    await mkdir(socketDir, { recursive: true, mode: 0o755 });
    const path = join(socketDir, "agent.sock");
    await rm(path, { force: true });
    const open = new Set<Socket>();
    const own = digest(token);
    const server = createServer((socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      serve(
        socket,
        (shown) => (shown === own ? port : undefined),
        (why) => logger.warn("a connection to a run's socket was refused", { socketDir, why }),
      );
    });
    const port = createPort(
      handlers,
      () =>
        new Promise((resolve) => {
          for (const socket of open) socket.destroySoon();
          server.close(() => resolve());
        }),
    );
    await listenAtPath(server, path);
    // The container's user is another one; only that container sees this folder.
    await chmod(path, 0o666);
    return port;
  };

/**
 * One TCP port for all containers, where a unix socket cannot be shared with them: whose connection it is, its token
 * tells. It listens on the given address alone.
 *
 * Errors: rejects when the address is not this host's or taken.
 */
export const listenForRunners = async (
  address: { host: string; port: number },
  logger: Logger,
): Promise<{ openSocket: OpenRunnerSocket; close(): Promise<void> }> => {
  const ports = new Map<string, Port>();
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    const from = socket.remoteAddress;
    serve(
      socket,
      (shown) => ports.get(shown),
      (why) => logger.warn("a connection to the runners' port was refused", { from, why }),
    );
  });
  await listening(server, (done) => server.listen(address.port, address.host, done));
  server.unref();
  return {
    async openSocket(_socketDir, token, handlers) {
      const own = digest(token);
      const port = createPort(handlers, async () => void ports.delete(own));
      ports.set(own, port);
      return port;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroySoon();
        server.close(() => resolve());
      }),
  };
};
