import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { installHost } from "./host.ts";
import { metadata } from "./metadata.ts";
import { tags } from "./tags.ts";
import { executeTask, forgetAll } from "./testing/execute-task.fixture.ts";
import { wait } from "./wait.ts";

beforeEach(forgetAll);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  forgetAll();
});

type Body = {
  metadata?: object;
  operations?: object[];
  parentOperations?: object[];
  rootOperations?: object[];
};
/** Answers each change with nothing, as a run whose metadata is empty. */
const accept =
  (values: object = {}) =>
  () =>
    Response.json({ metadata: values });
const bodies = ({ requests }: { requests: { body: unknown }[] }) => requests.map(({ body }) => body as Body);

test("changes are seen at once, gathered, and sent before the attempt ends", async () => {
  const seen: unknown[] = [];
  const run = () => {
    metadata.set("status", "begun").increment("done").increment("done", 2).decrement("left", 1);
    metadata.append("log", "a").append("log", "b").remove("log", "a").set("$.deep.x", 1).del("old");
    seen.push(metadata.current(), metadata.get("done"), metadata.getKey("nothing"));
  };
  const { host } = await executeTask(
    { run },
    { run: { metadata: { old: true } }, host: { respond: accept() } },
  );
  expect(seen).toEqual([{ status: "begun", done: 3, left: -1, log: ["b"], deep: { x: 1 } }, 3, undefined]);
  expect(host.requests.map(({ method, path }) => [method, path])).toEqual([
    ["PUT", "/api/v1/runs/run_parent/metadata"],
  ]);
  expect(bodies(host)[0]?.operations).toEqual([
    { type: "set", key: "status", value: "begun" },
    { type: "increment", key: "done", value: 3 },
    { type: "increment", key: "left", value: -1 },
    { type: "append", key: "log", value: "a" },
    { type: "append", key: "log", value: "b" },
    { type: "remove", key: "log", value: "a" },
    { type: "set", key: "$.deep.x", value: 1 },
    { type: "delete", key: "old" },
  ]);
});

test("an attempt that changes nothing sends nothing", async () => {
  const { host, outcome } = await executeTask(
    { run: () => metadata.current() },
    { run: { metadata: { a: 1 } } },
  );
  expect(host.requests).toEqual([]);
  expect(outcome).toMatchObject({ kind: "completed", output: { data: '{"json":{"a":1}}' } });
});

test("changes of the parent and the root go with it; without them they are the run's own", async () => {
  const run = () => {
    metadata.parent.increment("children");
    metadata.root.append("log", "x");
    metadata.parent.set("a", 1);
    return metadata.current();
  };
  const child = await executeTask(
    { run },
    { run: { parentTaskRunId: "run_p", rootTaskRunId: "run_r" }, host: { respond: accept() } },
  );
  expect(bodies(child.host)).toEqual([
    {
      parentOperations: [
        { type: "increment", key: "children", value: 1 },
        { type: "set", key: "a", value: 1 },
      ],
      rootOperations: [{ type: "append", key: "log", value: "x" }],
    },
  ]);
  expect(child.outcome).toMatchObject({ output: { data: '{"json":{}}' } });
  forgetAll();
  const alone = await executeTask({ run }, { host: { respond: accept() } });
  expect(JSON.stringify(alone.outcome)).toContain("children");
});

test("a thousand changes of one counter are one change, and more than a request holds are several", async () => {
  const run = () => {
    for (let i = 0; i < 1_000; i++) metadata.increment("n").increment("n");
    for (let i = 0; i < 1_100; i++) metadata.set(`key${i}`, i);
  };
  const { host } = await executeTask({ run }, { host: { respond: accept() } });
  expect(bodies(host).map(({ operations }) => operations?.length)).toEqual([1_000, 101]);
  expect(bodies(host)[0]?.operations?.[0]).toEqual({ type: "increment", key: "n", value: 2_000 });
});

test("replace sends the whole and forgets what came before it", async () => {
  const run = () => {
    metadata.set("a", 1);
    metadata.replace({ b: 2 });
    metadata.increment("b");
    return metadata.current();
  };
  const { host, outcome } = await executeTask({ run }, { host: { respond: accept() } });
  expect(bodies(host)).toEqual([
    { metadata: { b: 2 }, operations: [{ type: "increment", key: "b", value: 1 }] },
  ]);
  expect(outcome).toMatchObject({ output: { data: '{"json":{"b":3}}' } });
});

test("a second is the longest that a change waits", async () => {
  vi.useFakeTimers();
  const run = async () => {
    metadata.set("a", 1);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  };
  let sent = 0;
  const respond = () => {
    sent += 1;
    return accept({ a: 1 })();
  };
  const executing = executeTask({ run }, { host: { respond } });
  await vi.advanceTimersByTimeAsync(1_100);
  expect(sent).toBe(1);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(bodies((await executing).host)).toHaveLength(1);
});

test("changes are sent before a wait that gives the slot away", async () => {
  const order: string[] = [];
  const host = {
    respond: () => {
      order.push("sent");
      return accept()();
    },
    complete: () => {
      order.push("waits");
      return [];
    },
  };
  const run = async () => {
    metadata.set("a", 1);
    await wait.for({ hours: 1 });
  };
  await executeTask({ run }, { host });
  expect(order).toEqual(["sent", "waits"]);
});

test("what others changed comes with each answer, and with refresh", async () => {
  const run = async () => {
    metadata.set("mine", 1);
    await metadata.flush();
    const afterFlush = metadata.current();
    await metadata.refresh();
    return [afterFlush, metadata.current()];
  };
  let asked = 0;
  const respond = () => Response.json({ metadata: { mine: 1, theirs: ++asked } });
  const { host, outcome } = await executeTask({ run }, { host: { respond } });
  expect(host.requests.map(({ method }) => method)).toEqual(["PUT", "GET"]);
  expect(outcome).toMatchObject({
    output: { data: '{"json":[{"mine":1,"theirs":1},{"mine":1,"theirs":2}]}' },
  });
});

test("a change that the API refuses is dropped and thrown by flush; the run is not failed for it", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const respond = () => Response.json({ error: "metadata is over the limit" }, { status: 413 });
  const thrown: unknown[] = [];
  const run = async () => {
    metadata.set("big", "x");
    await metadata.flush().catch((error: unknown) => thrown.push(String(error)));
    metadata.set("other", "y");
  };
  const { host, outcome } = await executeTask({ run }, { host: { respond } });
  expect(thrown).toEqual([expect.stringContaining("over the limit")]);
  expect(outcome.kind).toBe("completed");
  expect(bodies(host).map(({ operations }) => operations)).toEqual([
    [{ type: "set", key: "big", value: "x" }],
    [{ type: "set", key: "other", value: "y" }],
  ]);
  expect(console.error).toHaveBeenCalledOnce();
});

test("what cannot be written is refused with its key", async () => {
  const run = () => {
    expect(() => metadata.set("f", () => {})).toThrow('the value of "f" is function');
    expect(() => metadata.increment("n", Number.NaN)).toThrow('"n" can be changed only by a number');
    expect(() => metadata.set("$.__proto__.x", 1)).toThrow("__proto__");
    expect(() => metadata.replace([] as never)).toThrow("needs an object");
    return metadata.current();
  };
  expect((await executeTask({ run })).outcome).toMatchObject({ output: { data: '{"json":{}}' } });
});

test("streams say that they are not there yet, and outside a task nothing happens", async () => {
  await expect(metadata.stream("s", [])).rejects.toThrow("not supported yet");
  installHost(undefined);
  metadata.set("a", 1).increment("b");
  await metadata.flush();
  expect(metadata.current()).toBeUndefined();
  expect(metadata.get("a")).toBeUndefined();
});

test("tags are added to the run that executes", async () => {
  const run = async () => {
    await tags.add("one");
    await tags.add(["two", "three"]);
    await expect(tags.add("x".repeat(129))).rejects.toThrow("1 to 128 characters");
  };
  const { host, outcome } = await executeTask(
    { run },
    { host: { respond: () => Response.json({ message: "ok" }) } },
  );
  expect(outcome.kind).toBe("completed");
  expect(host.requests.map(({ path, body }) => [path, body])).toEqual([
    ["/api/v1/runs/run_parent/tags", { tags: ["one"] }],
    ["/api/v1/runs/run_parent/tags", { tags: ["two", "three"] }],
  ]);
  installHost(undefined);
  await expect(tags.add("x")).rejects.toThrow("while a task runs");
});
