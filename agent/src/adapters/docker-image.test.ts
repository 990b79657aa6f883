import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ensureRunnerImage, publicImage } from "./docker-image.ts";

const ofThisNode = `longshore-runner-base:${process.versions.node.split(".")[0]}-local`;
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** The image part of an engine: what it has, what its registry has, and whether a proxy before it refuses lists. */
const startEngine = async (has: string[], registry: string[], refusesLists = false) => {
  const images = new Set(has);
  const pulls: string[] = [];
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const url = new URL(request.url ?? "/", "http://engine");
    if (url.pathname.endsWith("/images/json")) {
      if (refusesLists) return answer(403, { message: "agents may not do this" });
      return answer(200, [
        { RepoTags: [...images].filter((name) => name.startsWith("longshore-runner-base:")) },
      ]);
    }
    if (url.pathname.endsWith("/images/create")) {
      const name = `${url.searchParams.get("fromImage")}:${url.searchParams.get("tag")}`;
      pulls.push(name);
      // As the engine does it: the failure comes in a stream that began with 200.
      if (!registry.includes(name))
        return answer(200, { errorDetail: { message: "no route" }, error: "no route" });
      images.add(name).add(name.replace(/:latest$/, ""));
      return answer(200, { status: "done" });
    }
    const name = /\/images\/(.+)\/json$/.exec(url.pathname)?.[1] ?? "";
    return images.has(name) ? answer(200, { Id: "x" }) : answer(404, { message: `No such image: ${name}` });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const lines: string[] = [];
  const say = (message: string, data?: Record<string, unknown>) =>
    void lines.push(`${message} ${JSON.stringify(data)}`);
  const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ensure = (chosen?: string) =>
    ensureRunnerImage({
      host,
      chosen,
      logger: { info: say, warn: say, error: say },
      signal: new AbortController().signal,
    });
  return { ensure, pulls, lines };
};

test("an image that is there is taken without a word", async () => {
  const { ensure, pulls, lines } = await startEngine(["mine:1"], []);
  expect(await ensure("mine:1")).toEqual({ kind: "ready", image: "mine:1" });
  expect([pulls, lines]).toEqual([[], []]);
});

test("an absent image is pulled, with one line", async () => {
  const { ensure, pulls, lines } = await startEngine([], [publicImage, "mine:latest"]);
  expect(await ensure()).toEqual({ kind: "ready", image: publicImage });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(publicImage);
  expect(await ensure("mine")).toEqual({ kind: "ready", image: "mine" });
  expect(pulls).toEqual([publicImage, "mine:latest"]);
});

test.each([
  { base: ofThisNode, refusesLists: true },
  { base: "longshore-runner-base:18-local", refusesLists: false },
])("$base stands in when nobody chose an image, and the log says so", async ({ base, refusesLists }) => {
  const { ensure, lines } = await startEngine([base], [], refusesLists);
  expect(await ensure()).toEqual({ kind: "ready", image: base });
  expect(lines.at(-1)).toContain(base);
});

test("nothing stands in for an image that was chosen, or when there is no local base", async () => {
  const chosen = await startEngine([ofThisNode], []);
  expect(await chosen.ensure("mine:1")).toEqual({ kind: "missing", reason: "no route" });
  const bare = await startEngine([], [], true);
  expect(await bare.ensure()).toEqual({ kind: "missing", reason: "no route" });
});
