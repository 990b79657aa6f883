import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeHarness } from "../testing/harness.ts";
import { makeLease } from "../testing/make-lease.ts";
import { lendSocketPath, listenAtPath, shortSocketPath } from "./socket-path.ts";

const uid = process.getuid?.() ?? 0;
const { TMPDIR } = process.env;
let root: string;
let links: string;
/** A folder in which no socket can be reached by its own path. */
let deep: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "longshore-link-"));
  process.env.TMPDIR = root;
  links = join(root, `longshore-${uid}`);
  deep = join(root, "d".repeat(60), "e".repeat(60));
  mkdirSync(deep, { recursive: true });
});
afterEach(() => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  rmSync(root, { recursive: true, force: true });
});

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
/** Whether somebody listens there. */
const reaches = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

describe("a socket whose path is too long", () => {
  test("is reached through links that go with whoever made them", async () => {
    const path = join(deep, "agent.sock");
    const server = createServer();
    await listenAtPath(server, path);
    const lent = lendSocketPath(path);
    expect(readdirSync(links)).toHaveLength(2);
    expect([await reaches(shortSocketPath(path)), await reaches(lent.path)]).toEqual([true, true]);
    lent.release();
    expect(await reaches(shortSocketPath(path))).toBe(true);
    await closed(server);
    expect(readdirSync(links)).toEqual([]);
    expect(readdirSync(deep)).toEqual([]);
  });

  test("that cannot be made leaves no link", async () => {
    const gone = listenAtPath(createServer(), join(deep, "nobody", "agent.sock"));
    await expect(gone).rejects.toMatchObject({ syscall: "listen" });
    expect(readdirSync(links)).toEqual([]);
  });

  test("leaves nothing after an agent with runs, and what a killed one left goes", {
    timeout: 60_000,
  }, async () => {
    mkdirSync(links, { mode: 0o700 });
    symlinkSync(join(root, "gone"), join(links, "0123456789abcdef"));
    const harness = await makeHarness({ dataDir: deep });
    try {
      await harness.start();
      const lease = makeLease(await harness.bundle({ hello: "run: async () => 'hello'" }), "hello");
      harness.api.lease(lease);
      expect(await harness.final(lease.runId, 30_000)).toMatchObject({ kind: "completed" });
      expect(readdirSync(links)).not.toContain("0123456789abcdef");
    } finally {
      await harness.close();
    }
    expect(readdirSync(links)).toEqual([]);
  });
});

describe("the folder of the links", () => {
  const listen = (): Promise<void> => listenAtPath(createServer(), join(deep, "agent.sock"));

  test("is refused where it is another's, by name and with what to do", async () => {
    const elsewhere = join(root, "elsewhere");
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, links);
    await expect(listen()).rejects.toThrow(
      /longshore-\d+ is not a folder of this user.*LONGSHORE_AGENT_DATA/,
    );
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test("is closed to others, and a link that they put there is not followed", async () => {
    const path = join(deep, "agent.sock");
    const elsewhere = join(root, "elsewhere");
    for (const folder of [links, elsewhere]) mkdirSync(folder);
    chmodSync(links, 0o777);
    symlinkSync(elsewhere, join(shortSocketPath(path), ".."));
    const server = createServer();
    await listenAtPath(server, path);
    expect(lstatSync(links).mode & 0o777).toBe(0o700);
    expect([readdirSync(elsewhere), readdirSync(deep)]).toEqual([[], ["agent.sock"]]);
    await closed(server);
  });
});
