import { AppError } from "@longshore/shared/core/error-codes";
import type { Deps, StoredBlob } from "./deps.ts";
import { packetKey, safePacketType } from "./packets.ts";
import { isSigned, type SignPurpose } from "./sign-text.ts";

/** The parts of an address that this API signed. */
export type SignedAddress = { environmentId: string; name: string; expires: string; signature: string };

/** Errors: `unauthorized` for an address that this API did not sign, or whose time is over. */
export const requireSigned = async (
  deps: Deps,
  purpose: SignPurpose,
  address: SignedAddress,
): Promise<void> => {
  const { environmentId, name, expires, signature } = address;
  const isGood = await isSigned(deps, purpose, [environmentId, name, expires], signature);
  if (!isGood || Number(expires) * 1_000 < Date.now())
    throw new AppError("unauthorized", "This address was not signed by this API, or its time is over.");
};

/** Stores what comes to a signed address. */
export const putSignedPacket = async (
  deps: Deps,
  address: SignedAddress,
  packet: { bytes: Uint8Array; type: string | null },
): Promise<void> =>
  deps.blobs.put(packetKey(address.environmentId, address.name), packet.bytes, safePacketType(packet.type));

/** What lies at a signed address. Errors: `not_found`. */
export const getSignedPacket = async (deps: Deps, address: SignedAddress): Promise<StoredBlob> => {
  const found = await deps.blobs.get(packetKey(address.environmentId, address.name));
  if (found === null) throw new AppError("not_found", "Packet not found", { shouldRetry: false });
  return { ...found, contentType: safePacketType(found.contentType) };
};
