import type { AgentFrame, RunnerFrame } from "@longshore/shared/contract/runner-protocol";

export type RunnerHandlers = {
  /** A runner with the right token is there: `ack` answers how far it has been heard. */
  onHello(hello: Extract<RunnerFrame, { t: "hello" }>): { ack: number };
  onFrame(frame: Exclude<RunnerFrame, { t: "hello" }>): void;
  /** It sent what this agent cannot read, and would send it again for ever. */
  onUnreadable(): void;
  /** The runner's connection ended; everything it sent has been handed over. */
  onClosed(): void;
};

/** The agent's end of the socket that one runner connects to. */
export type RunnerSocket = {
  /**
   * False when no runner is connected: what matters is sent again after its next hello. An `ack` speaks for all frames before
   * it, and may wait a moment for another frame.
   */
  send(frame: AgentFrame): boolean;
  isConnected(): boolean;
  close(): Promise<void>;
};

/** Listens in `socketDir`. `token` is what the runner must show. */
export type OpenRunnerSocket = (
  socketDir: string,
  token: string,
  handlers: RunnerHandlers,
) => Promise<RunnerSocket>;
