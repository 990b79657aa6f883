import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a server that a test can cut and mend. */
export type FlakyProxy = {
  url: string;
  cut(): void;
  /** Lets connections be, and nothing come back through them or through new ones, for good. */
  hold(): void;
  mend(): void;
  close(): Promise<void>;
};

/** Passes TCP on to `target`. Cut, it breaks every connection and each new one. */
export const startFlakyProxy = async (target: string): Promise<FlakyProxy> => {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let isCut = false;
  let isHeld = false;
  const answering = new Set<Socket>();
  const server = createServer((from) => {
    if (isCut) return void from.destroy();
    const to = connect(Number(port), hostname);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    from.pipe(to);
    if (isHeld) return void to.resume();
    to.pipe(from);
    answering.add(to);
    to.on("close", () => answering.delete(to));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      for (const socket of open) socket.destroy();
    },
    hold() {
      isHeld = true;
      for (const socket of answering) socket.unpipe().resume();
    },
    mend() {
      isCut = false;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
