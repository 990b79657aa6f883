import { z } from "zod";

const WireDate = z.iso.datetime();

/** Shown to a person before they decide, so it may hold nothing that a terminal or page would obey. */
const Label = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u, "must not hold control characters");

/** `POST /api/v1/sign-in-requests`: a program asks to be signed in by somebody in a browser. */
export const StartSignInBody = z.object({
  /** The machine it runs on, as its owner knows it. */
  machine: Label,
  /** The program, with its version. */
  client: Label,
});
export type StartSignInBody = z.infer<typeof StartSignInBody>;

/** What the program shows (`userCode`, `approvalUrl`) and what it keeps to itself (`deviceCode`). */
export const StartedSignIn = z.object({
  deviceCode: z.string(),
  /** Shape: XXXX-XXXX, consonants alone. */
  userCode: z.string(),
  approvalUrl: z.string(),
  expiresAt: WireDate,
  /** How long to wait between two questions. Units: milliseconds. */
  intervalMs: z.int(),
});
export type StartedSignIn = z.infer<typeof StartedSignIn>;

/** `POST /api/v1/sign-in-requests/token`. */
export const CollectSignInBody = z.object({ deviceCode: z.string().min(1).max(200) });

export const SignedInUser = z.object({ id: z.string(), email: z.string(), name: z.string().nullable() });

/** What became of the request. The token is in one answer and in no other. */
export const CollectedSignIn = z.discriminatedUnion("status", [
  z.object({ status: z.literal("pending") }),
  z.object({ status: z.literal("refused") }),
  z.object({
    status: z.literal("approved"),
    token: z.string(),
    tokenId: z.string(),
    expiresAt: WireDate,
    user: SignedInUser,
  }),
]);
export type CollectedSignIn = z.infer<typeof CollectedSignIn>;

/** `GET /api/v1/session/sign-in-requests/:userCode`: what a person is asked to allow. */
export const SignInRequest = z.object({
  userCode: z.string(),
  machine: z.string(),
  client: z.string(),
  status: z.enum(["pending", "approved", "refused", "collected"]),
  createdAt: WireDate,
  expiresAt: WireDate,
  /** How long the token would live. Units: days. */
  tokenLifeDays: z.int(),
});
export type SignInRequest = z.infer<typeof SignInRequest>;
