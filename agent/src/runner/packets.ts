import type { Packet } from "@longshore/shared/contract/packets";

// superjson costs more to load than the rest of the executor: only a run that needs it pays for it.
const loadSuperjson = async () => (await import("superjson")).default;

/** Errors: throws on text that its type does not allow. Source: the client wire contract, 3. */
export const parsePacket = async (packet: Packet): Promise<unknown> => {
  if (packet.data === null) return undefined;
  switch (packet.type) {
    case "text/plain":
      return packet.data;
    case "application/super+json":
      return (await loadSuperjson()).parse(packet.data);
    case "application/json":
      return packet.data === "" ? undefined : JSON.parse(packet.data);
    case "application/store":
      throw new TypeError("the payload was not fetched from the store before the run");
  }
};

/** Shape: undefined → no data; text → `text/plain`; anything else → superjson. */
export const stringifyPacket = async (value: unknown): Promise<Packet> => {
  if (value === undefined) return { data: null, type: "application/json" };
  if (typeof value === "string") return { data: value, type: "text/plain" };
  return { data: (await loadSuperjson()).stringify(value), type: "application/super+json" };
};
