import { type BundleReceipt, bundleBytesMax } from "@longshore/shared/contract/deployments";
import { AppError } from "@longshore/shared/core/error-codes";
import type { AgentRow } from "../db/queries/find-credentials.ts";
import { addBundle, hasBundle, isBundleOfAgent } from "../db/transitions/bundles.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { hashBytes } from "./hash-token.ts";

const keyOf = (hash: string): string => `bundles/${hash}.tar.gz`;

/**
 * `PUT /api/v1/bundles/:hash`. The bytes are stored before the row says so.
 * Errors: `payload_too_large`; `unprocessable` when the bytes are not what their name says; `forbidden`.
 */
export const storeBundle = async (
  deps: Deps,
  principal: Principal,
  hash: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<BundleReceipt> => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "deployments" }]);
  if (bytes.byteLength > bundleBytesMax) {
    throw new AppError(
      "payload_too_large",
      `A bundle has at most ${bundleBytesMax} bytes; got ${bytes.byteLength}.`,
    );
  }
  const actual = await hashBytes(bytes);
  if (actual !== hash) {
    throw new AppError(
      "unprocessable",
      `The bundle's SHA-256 is ${actual}, not ${hash}: it was changed or cut on its way.`,
    );
  }
  await deps.blobs.put(keyOf(hash), bytes);
  const created = await addBundle(deps.db, principal.environmentId, hash, bytes.byteLength);
  return { hash, sizeBytes: bytes.byteLength, created };
};

/** `HEAD /api/v1/bundles/:hash`. Errors: `not_found`, `forbidden`. */
export const requireBundle = async (deps: Deps, principal: Principal, hash: string): Promise<void> => {
  requireScope(principal, "write", [{ type: "deployments" }]);
  if (!(await hasBundle(deps.db, principal.environmentId, hash)))
    throw new AppError("not_found", "Bundle not found");
};

/** `GET /agent/v1/bundles/:hash`. Errors: `not_found`, also for a bundle of a project the agent does not serve. */
export const readBundle = async (
  deps: Deps,
  agent: AgentRow,
  hash: string,
): Promise<ReadableStream<Uint8Array>> => {
  if (!(await isBundleOfAgent(deps.db, agent.id, hash))) throw new AppError("not_found", "Bundle not found");
  const blob = await deps.blobs.get(keyOf(hash));
  if (blob === null)
    throw new AppError("not_found", "The bundle's bytes are gone from the store. Deploy it again.");
  return blob.body;
};
