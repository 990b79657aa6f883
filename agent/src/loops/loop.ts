import type { PollResponse } from "@longshore/shared/contract/agent-protocol";
import type { Clock } from "@longshore/shared/core/clock";
import type { Contact } from "../core/contact.ts";
import type { Meter } from "../core/meter.ts";
import type { Room } from "../core/room.ts";
import type { ControlPlane } from "../ports/control-plane.ts";
import type { Executions } from "../ports/executions.ts";
import type { Logger } from "../ports/logger.ts";
import type { Outbox } from "../ports/outbox.ts";

/** What every loop works with. */
export type LoopDeps = {
  controlPlane: ControlPlane;
  executions: Executions;
  outbox: Outbox;
  contact: Contact;
  clock: Clock;
  logger: Logger;
  random: () => number;
  /** New for each start of this process. */
  bootId: string;
  slots: number;
  /** What it may give to its runs together; null where only their number counts. */
  capacity: Room | null;
  meter: Meter;
  /** Whether somebody on this host asked the agent to take no more. */
  drainsHere(): boolean;
  /** What people should see of this agent elsewhere. */
  view(): { warm: number; heldBack: string | null; lastError: { at: string; message: string } | null };
  /** Fetches, when it can, what runs may need soon. */
  prefetch(hashes: readonly string[]): void;
  /** Says what the loop is doing now, for the status page. */
  say(doing: string): void;
};

/** Why a loop, and the agent, ended: it was asked to, or it cannot succeed. `isForGood`: nor could another start of the agent. */
export type LoopEnd = { kind: "stopped" } | { kind: "fatal"; reason: string; isForGood?: true };

/** Units: milliseconds. */
export const retryLimits = { minMs: 250, maxMs: 20_000 };

/** What an answer of the API asks for. It may ask for a drain; one that was asked for on this host stays. */
export const takeWork = (deps: LoopDeps, answer: PollResponse): void => {
  for (const { kind, runId } of answer.leases) if (kind === "start") deps.meter.leased(runId);
  deps.executions.acceptWork(answer);
  deps.prefetch(answer.bundles ?? []);
  deps.executions.setDraining(answer.settings.drain || deps.drainsHere());
};
