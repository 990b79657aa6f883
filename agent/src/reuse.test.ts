import { afterEach, expect, test } from "vitest";
import { type Harness, makeHarness } from "./testing/harness.ts";
import { makeLease } from "./testing/make-lease.ts";

const get = '{ method: "GET", headers: {}, body: null }';
const tasks = {
  leaves: `run: () => { void host().request("/slow", ${get}).catch(() => {}); return new Promise((done) => setTimeout(done, 50)); }`,
  asks: `run: async () => (await host().request("/mine", ${get})).text()`,
};

let harness: Harness;
afterEach(() => harness.close());

test("an answer that comes after its run has ended reaches no other run of the container", {
  timeout: 40_000,
}, async () => {
  harness = await makeHarness({ slots: 1 });
  const { api } = harness;
  const hash = await harness.bundle(tasks);
  let answerSlow = () => {};
  const slow = new Promise<void>((resolve) => {
    answerSlow = resolve;
  });
  const isAsked = (path: string) => api.forwarded.some((call) => call.path === path);
  api.state.onForward = async ({ path }) => {
    if (path === "/slow") await slow;
    else {
      // The late one goes out first, while this run waits for its own.
      answerSlow();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    return { status: 200, body: { path } };
  };
  await harness.start();
  const first = makeLease(hash, "leaves");
  api.lease(first);
  await harness.final(first.runId, 20_000);
  expect(isAsked("/slow")).toBe(true);

  const second = makeLease(hash, "asks");
  api.lease(second);
  expect(await harness.final(second.runId, 20_000)).toMatchObject({
    output: expect.stringContaining("/mine"),
  });
});
