import { createPublicKey, verify } from "node:crypto";
import type { Lease } from "@longshore/shared/contract/agent-protocol";
import { type DeploymentSignature, SignedStatement } from "@longshore/shared/contract/signatures";

/** Variables by which a process runs code, or trusts, other than its own; only a statement that lists them allows them. */
const loadsCode =
  /^(NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|NODE_TLS_\w+|NODE_V8_\w+|LD_\w+|OPENSSL_\w+|SSL_\w+|PATH)$/i;

type Leased = Pick<Lease, "task" | "deployment" | "env">;

const isSignedBy = ({ key, statement, signature }: DeploymentSignature): boolean => {
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: key };
    const publicKey = createPublicKey({ key: jwk, format: "jwk" });
    return verify(null, Buffer.from(statement), publicKey, Buffer.from(signature, "base64url"));
  } catch {
    return false; // not a key
  }
};

const readStatement = (text: string): SignedStatement | null => {
  try {
    return SignedStatement.parse(JSON.parse(text));
  } catch {
    return null;
  }
};

/**
 * Why an agent with these keys must not execute a lease, or null. The API is not believed: who controls it or its database
 * can choose among what was signed, and start none of their own code here.
 *
 * Shape: a sentence for the run's error. Cost: 0.1 ms.
 */
export const whyUntrusted = (lease: Leased, trustedKeys: readonly string[]): string | null => {
  if (trustedKeys.length === 0) return null;
  const { signature, version, bundleHash, entry } = lease.deployment;
  const refuse = (what: string): string =>
    `This agent executes signed deployments only, and ${what}. Deploy with \`longshore deploy --sign-key\` and a key that it trusts.`;
  if (!signature) return refuse(`version ${version} is not signed`);
  if (!trustedKeys.includes(signature.key))
    return refuse(`version ${version} is signed with a key it does not trust`);
  if (!isSignedBy(signature)) return refuse(`the signature of version ${version} is not valid`);
  const said = readStatement(signature.statement);
  if (said === null) return refuse(`what was signed of version ${version} cannot be read`);
  if (said.bundleHash !== bundleHash || said.entry !== entry)
    return refuse(`version ${version} carries a signature of other code`);
  if ((said.image ?? null) !== (lease.deployment.image ?? null))
    return refuse(`version ${version} names another image than was signed`);
  if (!said.tasks.includes(lease.task))
    return refuse(`the task "${lease.task}" is not among those that were signed`);
  const { envNames } = said;
  const odd = Object.keys(lease.env).find((name) =>
    envNames ? !envNames.includes(name) : loadsCode.test(name),
  );
  return odd === undefined ? null : refuse(`the variable ${odd} is not among those that were signed`);
};
