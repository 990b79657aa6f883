import { z } from "zod";

/** A raw Ed25519 public key, base64url: how keys are named wherever one is trusted. */
export const SigningKeyName = z.string().regex(/^[\w-]{43}$/);

/** Units: characters. */
const statementCharactersMax = 512 * 1024;

/**
 * What whoever deployed says of a deployment, as the text that was signed: nobody writes it anew, so that no two ways of
 * writing it can differ. Shape of the text: JSON of `SignedStatement`.
 */
export const DeploymentSignature = z.object({
  key: SigningKeyName,
  statement: z.string().max(statementCharactersMax),
  /** Ed25519 over the text in UTF-8, base64url. */
  signature: z.string().regex(/^[\w-]{86}$/),
});
export type DeploymentSignature = z.infer<typeof DeploymentSignature>;

export const SignedStatement = z.object({
  purpose: z.literal("longshore deployment 1"),
  /** As the project's configuration names it. */
  project: z.string(),
  bundleHash: z.string(),
  entry: z.string(),
  tasks: z.array(z.string()),
  sdkVersion: z.string(),
  /** The image that its runs need; none when it is left out. */
  image: z.string().optional(),
  /** Names of the environment variables that its runs may get; null leaves all but those that change what Node loads. */
  envNames: z.array(z.string()).nullable(),
});
export type SignedStatement = z.infer<typeof SignedStatement>;
