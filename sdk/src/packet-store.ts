import type { Packet } from "@longshore/shared/contract/packets";
import { randomText } from "@longshore/shared/core/ids";
import { type Api, createApi } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { openTransport } from "./http/transport.ts";
import { parsePacket } from "./packets.ts";

/** From this size on a payload travels beside its trigger. Units: bytes. Source: the client wire contract, 3. */
const offloadBytesMin = 131_072;

/** Addresses of the API's own store, which may be relative, and which only the API's host may be able to reach. */
const ownStore = "/api/v1/stored-packets/";

const uploadAnswer = recordDecoder<{ presignedUrl: string; storagePath: string }>("an upload's answer", [
  "presignedUrl",
  "storagePath",
]);
const downloadAnswer = recordDecoder<{ presignedUrl: string }>("a download's answer", ["presignedUrl"]);

const openApi = createApi({ transport: () => openTransport });

/** Who sends to a signed address, and what it is called there. */
const routeOf = (api: Api, url: string): { via: Api; path: string } => {
  const at = url.indexOf(ownStore);
  return at < 0 ? { via: openApi, path: url } : { via: api, path: url.slice(at) };
};

/** A packet as a trigger sends it. `payloadSize`: what it was before it was stored apart, in bytes. */
export type SentPacket = { data: string | null; type: Packet["type"]; payloadSize?: number };

/**
 * Stores a packet apart when it is large. Cost: nothing for a small one; else two requests.
 */
export const offloadPacket = async (api: Api, packet: Packet, signal?: AbortSignal): Promise<SentPacket> => {
  const { data, type } = packet;
  // A character is at most three bytes of UTF-8; counting them is left for what comes near.
  if (data === null || data.length * 3 < offloadBytesMin) return packet;
  const payloadSize = new TextEncoder().encode(data).length;
  if (payloadSize < offloadBytesMin) return packet;
  const name = `trigger/packet_${randomText(21)}/payload.${type === "text/plain" ? "txt" : "json"}`;
  const withSignal = signal ? { signal } : {};
  const upload = await api.request(
    uploadAnswer,
    "PUT",
    `/api/v2/packets/${encodeURIComponent(name)}`,
    withSignal,
  );
  const { via, path } = routeOf(api, upload.presignedUrl);
  const stored = await via.send("PUT", path, {
    text: data,
    headers: { "content-type": type },
    ...withSignal,
  });
  await stored.text();
  return { data: upload.storagePath, type: "application/store", payloadSize };
};

/** Fetches what lies at a signed address and reads it as its content type says. Cost: one request. */
export const fetchPacket = async (api: Api, url: string, signal?: AbortSignal): Promise<unknown> => {
  const { via, path } = routeOf(api, url);
  const response = await via.send("GET", path, signal ? { signal } : {});
  const type = response.headers.get("content-type")?.split(";")[0] ?? null;
  return parsePacket({ data: await response.text(), type });
};

/** Reads a packet, wherever it lies. Cost: two requests for one that was stored apart. */
export const readPacket = async (
  api: Api,
  packet: { data?: string | null; type?: string | null },
): Promise<unknown> => {
  if (packet.type !== "application/store" || !packet.data) return parsePacket(packet);
  const path = `/api/v1/packets/${encodeURIComponent(packet.data)}`;
  return fetchPacket(api, (await api.request(downloadAnswer, "GET", path)).presignedUrl);
};
