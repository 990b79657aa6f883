import { connect, type NetConnectOpts, type Socket } from "node:net";
import { frameBytesMax, runnerProtocolVersion } from "@longshore/shared/contract/runner-limits";
import type { AgentFrame, RunnerFact, RunnerFrame } from "@longshore/shared/contract/runner-protocol";
import { type Clock, systemClock } from "@longshore/shared/core/clock";
import { encodeLine, lineSplitter } from "@longshore/shared/core/json-lines";
import { writeTogether } from "@longshore/shared/core/write-together";

const reconnectMs = 200;
/** While a run executes its host may be suspended: its timers stand still then, and say nothing when it is back. Units: milliseconds. */
const lookMs = 1_000;

export type LinkOptions = {
  /** A unix socket, or `tcp://host:port`. */
  address: string;
  token: string;
  /** How long to go on without an agent. Units: milliseconds. */
  orphanGraceMs: number;
  running(): { runId: string; epoch: number } | null;
  onFrame(frame: AgentFrame): void;
  /** How long a run may go on executing until the agent, which alone knows whether it still may, first says so. Units: milliseconds. */
  fenceMs: number;
  /** The run may not execute any more, and that since `lateMs`: so long this process itself stood still. */
  onFenced(lateMs: number): void;
  /** It may. */
  onLeased(): void;
  /** The agent has said `welcome`. */
  onWelcomed(): void;
  /** The agent did not come back in time. */
  onOrphaned(): void;
  /** Requests that were sent and can never be answered now. */
  onDisconnect(): void;
  /** Unacknowledged facts changed. Units: bytes. */
  onBacklog(bytes: number): void;
  clock?: Pick<Clock, "now" | "monotonic">;
};

const addressOf = (address: string): NetConnectOpts => {
  if (!address.startsWith("tcp://")) return { path: address };
  const { hostname, port } = new URL(address.replace(/^tcp:/, "http:"));
  return { host: hostname, port: Number(port || 80), noDelay: true };
};

/**
 * The runner's side of the socket to its agent.
 *
 * I1  A fact stays here until the agent has acknowledged it; after a reconnect everything unacknowledged is sent again,
 *     in order, before anything new.
 * I2  Nothing but `hello` is sent before `welcome`.
 * I3  The grace runs from the moment the agent was last welcome: one that refuses each hello is none. The fence runs out when its last `lease` does, also
 *     while it is connected and says nothing (a stopped process keeps its sockets); only another `lease` lifts it.
 * I4  The monotonic clock stands still while the host is suspended: the fence runs out by the wall clock too, whichever
 *     comes first. A clock that is set forward costs a short freeze, nothing else.
 */
export const createLink = (options: LinkOptions) => {
  const unacked = new Map<number, string>();
  let backlog = 0;
  let lastSeq = 0;
  let socket: Socket | null = null;
  let welcomed = false;
  let closed = false;
  const waiting: string[] = [];
  let orphanTimer: NodeJS.Timeout | null = null;
  const clock = options.clock ?? systemClock;
  let fenceTimer: NodeJS.Timeout | null = null;
  /** Nothing is due once it is told. */
  const never = { monotonic: Number.POSITIVE_INFINITY, wall: Number.POSITIVE_INFINITY };
  const fenceIn = (ms: number) => ({ monotonic: clock.monotonic() + ms, wall: clock.now() + ms });
  let fenceAt = fenceIn(options.fenceMs);

  const untilFenceMs = (): number =>
    Math.min(fenceAt.monotonic - clock.monotonic(), fenceAt.wall - clock.now()); // I4
  const tellFenced = (): void => {
    // What a suspended host missed was not executed: no clock counted it.
    options.onFenced(Math.max(0, clock.monotonic() - fenceAt.monotonic));
    fenceAt = never;
  };
  const look = (): void => {
    if (fenceTimer) clearTimeout(fenceTimer);
    fenceTimer = null;
    const leftMs = untilFenceMs();
    if (leftMs <= 0) {
      fence();
      return;
    }
    if (leftMs === Number.POSITIVE_INFINITY) return;
    // An idle runner costs nothing.
    fenceTimer = setTimeout(
      look,
      Math.max(1, options.running() === null ? leftMs : Math.min(leftMs, lookMs)),
    );
  };
  const fence = (): void => {
    tellFenced();
    // This process may itself have stood still (its container was frozen) while the agent was at work: it is asked at once.
    if (welcomed) socket?.write(encodeLine({ t: "beat", runId: null } satisfies RunnerFrame));
  };
  /** I3 */
  const extend = (leftMs: number): void => {
    // What was read before the timer, after this process stood still.
    if (leftMs <= 0 || untilFenceMs() < 0) tellFenced();
    if (leftMs > 0) fenceAt = fenceIn(leftMs);
    look();
    if (leftMs > 0) options.onLeased();
  };
  const drop = (upTo: number): void => {
    for (const [seq, text] of unacked) {
      if (seq > upTo) break;
      unacked.delete(seq);
      backlog -= text.length;
    }
    options.onBacklog(backlog);
  };
  const receive = (line: string): void => {
    // The peer is the agent that started this process, of the same version: zod here would cost each start 50 ms.
    const frame = JSON.parse(line) as AgentFrame;
    if (frame.t === "ack") drop(frame.seq);
    else if (frame.t === "welcome") {
      drop(frame.ack);
      welcomed = true;
      if (orphanTimer) clearTimeout(orphanTimer);
      orphanTimer = null;
      const held = [...unacked.values(), ...waiting.splice(0)].join("");
      if (held) socket?.write(held); // I1
      options.onWelcomed();
    } else if (frame.t === "lease") extend(frame.leftMs);
    else options.onFrame(frame);
  };
  const startOrphanTimer = (): void => {
    orphanTimer ??= setTimeout(options.onOrphaned, options.orphanGraceMs); // I3
  };
  const open = (): void => {
    if (closed) return;
    startOrphanTimer();
    const own = connect(addressOf(options.address));
    const splitter = lineSplitter(frameBytesMax);
    own.setEncoding("utf8");
    own.on("connect", () => {
      socket = own;
      const hello: RunnerFrame = {
        t: "hello",
        protocol: runnerProtocolVersion,
        token: options.token,
        running: options.running(),
      };
      own.write(encodeLine(hello)); // I2
    });
    own.on("data", (piece: string) => {
      try {
        for (const line of splitter.push(piece)) receive(line);
      } catch (error) {
        own.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    own.on("error", () => {}); // close follows
    own.on("close", () => {
      if (socket === own) {
        socket = null;
        if (welcomed) options.onDisconnect();
        welcomed = false;
      }
      if (!closed) setTimeout(open, reconnectMs);
    });
  };
  open();
  look();

  return {
    /** Shape: the frame's number. */
    fact(fact: RunnerFact): number {
      const seq = ++lastSeq;
      const text = encodeLine({ t: "fact", seq, fact } satisfies RunnerFrame);
      unacked.set(seq, text);
      backlog += text.length;
      if (welcomed && socket) writeTogether(socket, text);
      options.onBacklog(backlog);
      return seq;
    },
    /** Waits for a connection if there is none. */
    send(frame: RunnerFrame): void {
      const text = encodeLine(frame);
      if (welcomed && socket) writeTogether(socket, text);
      else waiting.push(text);
    },
    beat(runId: string | null): void {
      look();
      if (welcomed) socket?.write(encodeLine({ t: "beat", runId } satisfies RunnerFrame));
    },
    close(): void {
      closed = true;
      if (orphanTimer) clearTimeout(orphanTimer);
      if (fenceTimer) clearTimeout(fenceTimer);
      socket?.end();
    },
  };
};

export type Link = ReturnType<typeof createLink>;
