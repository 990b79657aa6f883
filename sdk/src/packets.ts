import type { Packet } from "@longshore/shared/contract/packets";

/** superjson costs more to import than all the rest, and a run that only logs never needs it. */
const loadSuperjson = async () => (await import("superjson")).default;

/** A value as superjson's text, whatever it is. */
export const stringifySuperjson = async (value: unknown): Promise<string> =>
  (await loadSuperjson()).stringify(value);

/**
 * Writes a payload or output as it travels.
 *
 * Shape: undefined → no data; text → `text/plain`; anything else → superjson. Source: the client wire contract, 3.
 */
export const stringifyPacket = async (value: unknown): Promise<Packet> => {
  if (value === undefined) return { data: null, type: "application/json" };
  if (typeof value === "string") return { data: value, type: "text/plain" };
  return { data: await stringifySuperjson(value), type: "application/super+json" };
};

/**
 * Reads what `stringifyPacket` wrote.
 *
 * Errors: throws on text that its type does not allow, and on `application/store` (the caller must fetch that first).
 */
export const parsePacket = async (packet: {
  data?: string | null;
  type?: string | null;
}): Promise<unknown> => {
  const { data } = packet;
  if (data === undefined || data === null) return undefined;
  switch (packet.type ?? "application/json") {
    case "text/plain":
      return data;
    case "application/super+json":
      return (await loadSuperjson()).parse(data);
    case "application/json":
      return data === "" ? undefined : JSON.parse(data);
    default:
      throw new TypeError(`cannot read a packet of type ${packet.type}`);
  }
};

/** Loads what reads and writes packets, and goes through it once: the first packet of a process takes some milliseconds. */
export const warmUpPackets = async (): Promise<void> => {
  await parsePacket(await stringifyPacket({ at: [new Date(0)] }));
};
