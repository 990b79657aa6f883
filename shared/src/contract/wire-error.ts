import { z } from "zod";

/** Body of every error answer. Source: the client wire contract, 1.4. */
export const WireError = z.object({
  error: z.string(),
  code: z.string().optional(),
  param: z.string().optional(),
  type: z.string().optional(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  details: z.unknown().optional(),
  /** With the code scopes_exceed_key_access. */
  deniedScopes: z.array(z.string()).optional(),
  requestId: z.string().optional(),
});
export type WireError = z.infer<typeof WireError>;
