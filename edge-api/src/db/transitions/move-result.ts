import { z } from "zod";

/** Whom to wake after a move; a hint that is lost costs latency only. */
export const HintsDue = z.object({ environmentIds: z.array(z.string()), agentIds: z.array(z.string()) });
export type HintsDue = z.infer<typeof HintsDue>;

/** What became of one fenced write. `refused`: another state or a newer epoch; `missing`: no such run. */
export const FencedResult = z.object({
  ord: z.int(),
  kind: z.enum(["moved", "repeated", "refused", "missing"]),
});
export type FencedResult = z.infer<typeof FencedResult>;

/** The fence every write of an agent carries. */
export type Fence = { runId: string; epoch: number };
