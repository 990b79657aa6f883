import {
  type AssembleBundleBody,
  type BundleReceipt,
  bundleBytesMax,
  bundlePartBytesMax,
} from "@longshore/shared/contract/deployments";
import { AppError } from "@longshore/shared/core/error-codes";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import { storeBundle } from "./bundles.ts";
import type { Deps } from "./deps.ts";
import { hashBytes } from "./hash-token.ts";

/** Each environment has its own parts: nobody learns what another has uploaded. */
const keyOf = (environmentId: string, part: string): string => `bundle-parts/${environmentId}/${part}`;

const requireDeploy = (principal: Principal): void => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "deployments" }]);
};

/**
 * `PUT /api/v1/bundle-parts/:part`: a piece of an archive, named by its SHA-256. An upload that was cut goes on with the
 * pieces that are missing. Errors: `payload_too_large`; `unprocessable` when the bytes are not what their name says.
 */
export const storeBundlePart = async (
  deps: Deps,
  principal: Principal,
  part: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ sizeBytes: number }> => {
  requireDeploy(principal);
  if (bytes.byteLength > bundlePartBytesMax) {
    throw new AppError("payload_too_large", `A part has at most ${bundlePartBytesMax} bytes.`);
  }
  const actual = await hashBytes(bytes);
  if (actual !== part) {
    throw new AppError(
      "unprocessable",
      `The part's SHA-256 is ${actual}, not ${part}: it was changed or cut on its way.`,
    );
  }
  await deps.blobs.put(keyOf(principal.environmentId, part), bytes);
  return { sizeBytes: bytes.byteLength };
};

/** `HEAD /api/v1/bundle-parts/:part`. Errors: `not_found`, `forbidden`. */
export const requireBundlePart = async (deps: Deps, principal: Principal, part: string): Promise<void> => {
  requireScope(principal, "write", [{ type: "deployments" }]);
  const blob = await deps.blobs.get(keyOf(principal.environmentId, part));
  if (blob === null) throw new AppError("not_found", "Part not found");
  await blob.body.cancel();
};

const readPart = async (deps: Deps, key: string, part: string): Promise<Uint8Array> => {
  const blob = await deps.blobs.get(key);
  if (blob === null) {
    throw new AppError(
      "unprocessable",
      `The part ${part} has not been uploaded. Upload it and assemble again.`,
    );
  }
  return new Uint8Array(await new Response(blob.body).arrayBuffer());
};

/**
 * `POST /api/v1/bundles/:hash/assemble`: makes a bundle of parts, and removes them.
 * Errors: `unprocessable` when a part is missing or they do not make that bundle; `payload_too_large`.
 */
export const assembleBundle = async (
  deps: Deps,
  principal: Principal,
  hash: string,
  { parts }: AssembleBundleBody,
): Promise<BundleReceipt> => {
  requireDeploy(principal);
  const keys = parts.map((part) => keyOf(principal.environmentId, part));
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for (const [index, key] of keys.entries()) {
    const piece = await readPart(deps, key, parts[index] ?? "");
    sizeBytes += piece.byteLength;
    if (sizeBytes > bundleBytesMax) {
      throw new AppError("payload_too_large", `A bundle has at most ${bundleBytesMax} bytes.`);
    }
    pieces.push(piece);
  }
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  const receipt = await storeBundle(deps, principal, hash, bytes);
  deps.later(Promise.all(keys.map((key) => deps.blobs.remove(key))));
  return receipt;
};
