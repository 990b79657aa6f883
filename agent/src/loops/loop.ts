import type { Clock } from "@longshore/shared/core/clock";
import type { Contact } from "../core/contact.ts";
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
  /** Says what the loop is doing now, for the status page. */
  say(doing: string): void;
};

/** Why a loop ended: it was asked to, or it can never succeed again. */
export type LoopEnd = { kind: "stopped" } | { kind: "fatal"; reason: string };

/** Units: milliseconds. */
export const retryLimits = { minMs: 250, maxMs: 20_000 };
