import {
  type AssembleBundleBody,
  type BundleReceipt,
  bundleBytesMax,
  bundlePartBytesMax,
} from "@longshore/shared/contract/deployments";
import { AppError } from "@longshore/shared/core/error-codes";
import {
  type BundlePart,
  findAbandonedBundleParts,
  forgetBundleParts,
  touchBundlePart,
} from "../db/transitions/bundle-parts.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import { storeBundle } from "./bundles.ts";
import type { Deps } from "./deps.ts";
import { hashBytes } from "./hash-token.ts";

/** What an upload that nobody goes on with leaves is kept this long. Units: milliseconds. */
const abandonedMs = 86_400_000;
/** Parts that one sweep removes: each is a request to the store. */
const sweptMax = 40;

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
  // Before the bytes: what a cut upload leaves in the store is found again.
  await touchBundlePart(deps.db, { environmentId: principal.environmentId, hash: part });
  await deps.blobs.put(keyOf(principal.environmentId, part), bytes);
  return { sizeBytes: bytes.byteLength };
};

/** `HEAD /api/v1/bundle-parts/:part`. Errors: `not_found`, `forbidden`. */
export const requireBundlePart = async (deps: Deps, principal: Principal, part: string): Promise<void> => {
  requireScope(principal, "write", [{ type: "deployments" }]);
  const blob = await deps.blobs.get(keyOf(principal.environmentId, part));
  if (blob === null) throw new AppError("not_found", "Part not found");
  await blob.body.cancel();
  await touchBundlePart(deps.db, { environmentId: principal.environmentId, hash: part });
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
  const { environmentId } = principal;
  const receipt = await storeBundle(deps, principal, hash, await joinParts(deps, environmentId, parts));
  deps.later(
    removeParts(
      deps,
      parts.map((part) => ({ environmentId, hash: part })),
      0,
    ),
  );
  return receipt;
};

/** The archive is held once, beside one part of it. */
const joinParts = async (
  deps: Deps,
  environmentId: string,
  parts: readonly string[],
): Promise<Uint8Array<ArrayBuffer>> => {
  const bytesMax = Math.min(bundleBytesMax, deps.settings.assembleBytesMax);
  let bytes = new Uint8Array(0);
  let sizeBytes = 0;
  for (const [nth, part] of parts.entries()) {
    const piece = await readPart(deps, keyOf(environmentId, part), part);
    const end = sizeBytes + piece.byteLength;
    if (end > bytesMax) {
      throw new AppError(
        "payload_too_large",
        `An archive that is uploaded in parts has at most ${bytesMax} bytes here.`,
      );
    }
    if (end > bytes.byteLength) {
      // Parts are of one size, but for the last: the first tells what is needed.
      const room = new Uint8Array(Math.min(bytesMax, sizeBytes + piece.byteLength * (parts.length - nth)));
      room.set(bytes.subarray(0, sizeBytes));
      bytes = room;
    }
    bytes.set(piece, sizeBytes);
    sizeBytes = end;
  }
  return bytes.subarray(0, sizeBytes);
};

const removeParts = async (deps: Deps, parts: readonly BundlePart[], idleMs: number): Promise<void> => {
  await Promise.all(parts.map(({ environmentId, hash }) => deps.blobs.remove(keyOf(environmentId, hash))));
  await forgetBundleParts(deps.db, parts, idleMs);
};

/** Removes parts of uploads that nobody went on with for a day, a few each time. Cost: none when there are none. */
export const sweepBundleParts = async (deps: Deps): Promise<void> => {
  const parts = await findAbandonedBundleParts(deps.db, abandonedMs, sweptMax);
  if (parts.length > 0) await removeParts(deps, parts, abandonedMs);
};
