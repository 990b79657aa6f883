import { type ChildProcess, execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Of iproute2. */
const tool = "ip";
const ip = (...args: string[]) => run(tool, args, { timeout: 10_000 });

/** One server for all: it says by which of its addresses it was asked. */
const server = `
const server = require("node:http").createServer((request, response) => response.end("here: " + request.socket.localAddress));
server.listen(80, "0.0.0.0", () => console.log("up"));
`;

/** Addresses beyond a router next to this host, as containers would meet them in a data centre. */
export const outside = {
  metadata: "169.254.169.254",
  /** Of a cloud that keeps its metadata in the range of carriers. */
  carrierMetadata: "100.100.100.200",
  hostAgent: "168.63.129.16",
  private10: "10.213.254.2",
  private172: "172.31.254.2",
  private192: "192.168.254.2",
  benchmark: "198.19.254.2",
  relay: "192.88.99.2",
  /** Stands for the internet: an address of no special kind to the filter. */
  internet: "198.51.100.2",
} as const;

export type OutsideWorld = { close(): Promise<void> };

/** Whether a network of our own can be set up: root, Linux and iproute2. */
export const canMakeOutside = async (): Promise<boolean> =>
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  (await ip("netns", "list").then(
    () => true,
    () => false,
  ));

/**
 * A network namespace with those addresses and a real HTTP server on each, joined to this host by a pair of interfaces.
 * Errors: when there is one already. Everything goes with `close`.
 */
export const openOutside = async (): Promise<OutsideWorld> => {
  const space = `lsout-${process.pid}`;
  const here = `lso${process.pid % 1_000_000}`.slice(0, 15);
  const there = `${here}p`.slice(0, 15);
  let child: ChildProcess | null = null;
  const close = async (): Promise<void> => {
    child?.kill("SIGKILL");
    // The pair goes with the namespace, and the routes with the pair.
    await ip("netns", "delete", space).catch(() => undefined);
    await ip("link", "delete", here).catch(() => undefined);
  };
  try {
    await ip("netns", "add", space);
    await ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space);
    await ip("addr", "add", "198.51.100.1/30", "dev", here);
    await ip("link", "set", here, "up");
    for (const device of ["lo", there]) await ip("-n", space, "link", "set", device, "up");
    for (const address of Object.values(outside)) {
      const length = address === outside.internet ? 30 : 32;
      await ip("-n", space, "addr", "add", `${address}/${length}`, "dev", there);
      if (length === 32) await ip("route", "add", `${address}/32`, "via", outside.internet, "dev", here);
    }
    await ip("-n", space, "route", "add", "default", "via", "198.51.100.1");
    child = spawn(tool, ["netns", "exec", space, process.execPath, "-e", server], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const started = child;
    await new Promise<void>((resolve, reject) => {
      started.stdout?.once("data", () => resolve());
      started.once("exit", (code) => reject(new Error(`the server outside ended with ${code}`)));
    });
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
};
