import { z } from "zod";

/** Data types of a stored payload or output. Source: the client wire contract, 3. */
export const packetTypes = [
  "application/json",
  "application/super+json",
  "text/plain",
  "application/store",
] as const;
export const PacketType = z.enum(packetTypes);
export type PacketType = z.infer<typeof PacketType>;

/** A payload or output as it travels: text and how to read it. No data = undefined. */
export const Packet = z.object({ data: z.string().nullable(), type: PacketType });
export type Packet = z.infer<typeof Packet>;

export { packetBytesMax } from "./packet-limits.ts";

/** Where to send a packet, and the name under which a trigger then gives it. Source: the client wire contract, 3. */
export const PacketUpload = z.object({ presignedUrl: z.string(), storagePath: z.string() });
export type PacketUpload = z.infer<typeof PacketUpload>;

/** Where to fetch a packet; its content type says how to read it. */
export const PacketDownload = z.object({ presignedUrl: z.string() });
export type PacketDownload = z.infer<typeof PacketDownload>;
