import { type PacketDownload, type PacketUpload, packetTypes } from "@longshore/shared/contract/packets";
import { AppError } from "@longshore/shared/core/error-codes";
import { isGranted } from "../domain/scopes.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { getReadableRun } from "./read-run.ts";
import { signText } from "./sign-text.ts";

/** How long an address is good for. Units: seconds. */
const addressLifeS = 3_600;
const pathCharsMax = 1_024;
/** Paths under this are ours: `longshore/<run>/…`. */
const ownPrefix = "longshore/";

/** A stored packet's text and how to read it. */
type Stored = { data: string; type: string };

/** Errors: `bad_request` for a path that is none. */
export const requirePacketPath = (path: string): string => {
  const segments = path.split("/");
  const isBad = segments.some((segment) => segment === "" || segment === "." || segment === "..");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (isBad || path.length > pathCharsMax || /[\\\u0000-\u001f]/.test(path))
    throw new AppError("bad_request", "A packet's path is made of names and single slashes.");
  return path;
};

/** Each environment has its own names, whatever a path says: the store never sees it. */
const nameOf = (path: string): Promise<string> => hashToken(path);

/** Where a packet lies in the blob store. */
export const packetKey = (environmentId: string, name: string): string => `packets/${environmentId}/${name}`;

/**
 * An address that reads or writes a packet without any other credential: the store's own, or ours with a signature.
 * Shape: `origin` "" makes ours relative.
 */
export const packetAddress = async (
  deps: Deps,
  method: "GET" | "PUT",
  packet: { environmentId: string; path: string },
  origin: string,
): Promise<string> => {
  const name = await nameOf(packet.path);
  const direct = await deps.blobs.presign?.(method, packetKey(packet.environmentId, name), addressLifeS);
  if (direct !== undefined) return direct;
  const expires = String(Math.floor(Date.now() / 1_000) + addressLifeS);
  const purpose = method === "GET" ? "packet-get" : "packet-put";
  const signature = await signText(deps, purpose, [packet.environmentId, name, expires]);
  return `${origin}/api/v1/stored-packets/${packet.environmentId}/${name}?expires=${expires}&signature=${signature}`;
};

/** Who may trigger may bring a payload. */
const mayWrite = ({ scopes }: Principal): boolean =>
  isGranted(scopes, "write", [{ type: "packets" }]) ||
  scopes?.some((scope) => /^(trigger|batchTrigger):/.test(scope)) === true;

/** Errors: `forbidden`. The path of a caller's own packet is a secret; that of ours belongs to its run. */
const requireReadable = (principal: Principal, path: string): void => {
  if (isGranted(principal.scopes, "read", [{ type: "packets" }, { type: "runs" }])) return;
  if (path.startsWith(ownPrefix)) {
    requireScope(principal, "read", [{ type: "runs", id: path.split("/")[1] ?? "" }]);
    return;
  }
  const mayAny = principal.scopes?.some((scope) => /^read:(runs|tasks|tags|batch):/.test(scope)) === true;
  if (!mayAny) throw new AppError("forbidden", "Unauthorized");
};

/** `PUT /api/v2/packets/:path`. Errors: `bad_request`, `forbidden`. Source: the client wire contract, 3. */
export const requestUpload = async (
  deps: Deps,
  principal: Principal,
  path: string,
  origin: string,
): Promise<PacketUpload> => {
  if (!mayWrite(principal)) throw new AppError("forbidden", "Unauthorized");
  const storagePath = requirePacketPath(path);
  if (storagePath.startsWith(ownPrefix))
    throw new AppError("bad_request", `Paths under ${ownPrefix} are kept for the server.`);
  const packet = { environmentId: principal.environmentId, path: storagePath };
  return { presignedUrl: await packetAddress(deps, "PUT", packet, origin), storagePath };
};

/** `GET /api/v1/packets/:path`. Errors: `not_found`, `bad_request`, `forbidden`. Cost: one look into the blob store. */
export const requestDownload = async (
  deps: Deps,
  principal: Principal,
  path: string,
  origin: string,
): Promise<PacketDownload> => {
  requireReadable(principal, path);
  const packet = { environmentId: principal.environmentId, path: requirePacketPath(path) };
  const found = await deps.blobs.get(packetKey(packet.environmentId, await nameOf(packet.path)));
  if (found === null) throw new AppError("not_found", "Packet not found", { shouldRetry: false });
  await found.body.cancel();
  return { presignedUrl: await packetAddress(deps, "GET", packet, origin) };
};

/** `GET /api/v1/runs/:runId/packets/:kind`. Errors: `not_found`, also for a packet that lies in the run itself; `forbidden`. */
export const requestRunPacket = async (
  deps: Deps,
  principal: Principal,
  target: { runId: string; kind: string },
  origin: string,
): Promise<PacketDownload> => {
  const { run } = await getReadableRun(deps, principal, target.runId);
  const packets: Record<string, { path: string | null; type: string | null }> = {
    payload: { path: run.payload, type: run.payloadType },
    output: { path: run.output, type: run.outputType },
  };
  const found = Object.hasOwn(packets, target.kind) ? packets[target.kind] : undefined;
  if (found?.type !== "application/store" || found.path === null)
    throw new AppError("not_found", `The run has no stored ${target.kind}.`, { shouldRetry: false });
  const packet = { environmentId: run.environmentId, path: found.path };
  return { presignedUrl: await packetAddress(deps, "GET", packet, origin) };
};

/** Stores a packet of ours; the path in its place in the row. Shape: `kind` is part of the path, which no caller may write. */
export const storeRunPacket = async (
  deps: Deps,
  run: { environmentId: string; runId: string; kind: string },
  packet: Stored,
): Promise<string> => {
  const path = `${ownPrefix}${run.runId}/${run.kind}`;
  const key = packetKey(run.environmentId, await nameOf(path));
  await deps.blobs.put(key, new TextEncoder().encode(packet.data), packet.type);
  return path;
};

/** A stored packet; null when it is gone or is larger than `bytesMax`. */
export const readPacket = async (
  deps: Deps,
  packet: { environmentId: string; path: string },
  bytesMax: number,
): Promise<Stored | null> => {
  const found = await deps.blobs.get(packetKey(packet.environmentId, await nameOf(packet.path)));
  if (found === null) return null;
  if (found.size > bytesMax) {
    await found.body.cancel();
    return null;
  }
  return { data: await new Response(found.body).text(), type: safePacketType(found.contentType) };
};

/** The type under which a stored packet is given out: never one that a browser would run. */
export const safePacketType = (type: string | null): string => {
  const bare = (type ?? "").split(";")[0]?.trim().toLowerCase();
  return packetTypes.find((known) => known === bare) ?? "application/octet-stream";
};
