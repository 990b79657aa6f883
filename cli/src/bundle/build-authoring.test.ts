import { afterEach, expect, test } from "vitest";
import { createProjects, expectBundleError } from "../testing/project.fixture.ts";
import { buildProject } from "./build-project.ts";

const projects = createProjects();
afterEach(projects.removeAll);
const project = projects.make;

const failure = async (files: Record<string, string>) =>
  expectBundleError(buildProject(await project(files)));

const sdk = (names: string) => `import { ${names} } from "@longshore/sdk";\n`;

test("init.ts at the top of a task folder is loaded before every task, wherever its name sorts", async () => {
  const { warnings, manifest } = await buildProject(
    await project({
      "src/trigger/a.ts": `${sdk("task")}console.log("a");\nexport const a = task({ id: "a", run: () => 1 });\n`,
      "src/trigger/init.ts": `${sdk("tasks")}console.log("init");\ntasks.onStart("log", () => {});\n`,
      "src/trigger/deep/init.ts": 'console.log("no init of a task folder");\n',
    }),
  );
  expect(warnings).toEqual(["init", "a", "no init of a task folder"]);
  expect(manifest.tasks.map(({ id, filePath }) => [id, filePath])).toEqual([["a", "src/trigger/a.ts"]]);
});

test("the manifest holds schedules, schemas, concurrency, limits and queues", async () => {
  const { manifest } = await buildProject(
    await project({
      "src/limits.ts": `${sdk("concurrencyLimit")}export const openai = concurrencyLimit({ name: "openai", total: 25 });\n`,
      "src/trigger/a.ts": `${sdk("queue, schedules, schemaTask, task")}import { openai } from "../limits.ts";
const schema = Object.assign((value) => value, { toJSONSchema: () => ({ type: "object" }) });
export const nightly = schedules.task({ id: "nightly", cron: { pattern: "0 3 * * *", timezone: "Europe/Berlin", environments: ["PRODUCTION"], window: "30m" }, run: () => 1 });
export const checked = schemaTask({ id: "checked", schema, run: () => 1 });
export const plain = task({ id: "plain", jsonSchema: { type: "string" }, concurrency: [{ perKey: 1 }, openai], queue: queue({ name: "q", policy: "replace" }), run: () => 1 });
`,
    }),
  );
  const byId = Object.fromEntries(manifest.tasks.map((task) => [task.id, task]));
  expect(byId.nightly?.schedule).toEqual({
    cron: "0 3 * * *",
    timezone: "Europe/Berlin",
    environments: ["PRODUCTION"],
    window: "30m",
  });
  expect(byId.checked?.payloadSchema).toEqual({ type: "object" });
  expect(byId.plain).toMatchObject({
    payloadSchema: { type: "string" },
    concurrency: { inline: { perKey: 1 }, limits: ["openai"] },
    queue: { name: "q", policy: "replace" },
    exportName: "plain",
  });
  expect(manifest.limits).toEqual([{ name: "openai", total: 25 }]);
  expect(manifest.queues).toEqual([{ name: "q", policy: "replace" }]);
});

test("a queue that no task has is in the manifest, for triggers that name it", async () => {
  const { manifest } = await buildProject(
    await project({
      "src/trigger/a.ts": `${sdk("queue, task")}queue({ name: "paid", concurrencyLimit: 10 });\ntask({ id: "a", run: () => 1 });\n`,
    }),
  );
  expect(manifest.queues).toEqual([{ name: "paid", concurrencyLimit: 10 }]);
  const file = (limit: number, id: string) =>
    `${sdk("queue, task")}queue({ name: "q", concurrencyLimit: ${limit} });\ntask({ id: "${id}", run: () => 1 });\n`;
  const { problems } = await failure({ "src/trigger/a.ts": file(1, "a"), "src/trigger/b.ts": file(2, "b") });
  expect(problems[0]?.text).toBe(
    'the queue "q" is declared with different bounds: src/trigger/a.ts:2 and src/trigger/b.ts:2',
  );
});

test("one limit of the same bounds may be declared twice, with others it names both places", async () => {
  const file = (total: number) =>
    `${sdk("concurrencyLimit, task")}concurrencyLimit({ name: "l", total: ${total} });\ntask({ id: "t${total}", run: () => 1 });\n`;
  const same = await project({
    "src/trigger/a.ts": file(1),
    "src/trigger/b.ts": file(1).replace('"t1"', '"other"'),
  });
  expect((await buildProject(same)).manifest.limits).toEqual([{ name: "l", total: 1 }]);
  const { problems } = await failure({ "src/trigger/a.ts": file(1), "src/trigger/b.ts": file(2) });
  expect(problems[0]?.text).toBe(
    'the concurrency limit "l" is declared with different bounds: src/trigger/a.ts:2 and src/trigger/b.ts:2',
  );
});

test("tasks of different kinds with one id are named with both files", async () => {
  const { problems } = await failure({
    "src/trigger/a.ts": `${sdk("task")}export const a = task({ id: "same", run: () => 1 });\n`,
    "src/trigger/b.ts": `${sdk("schedules")}export const b = schedules.task({ id: "same", cron: "* * * * *", run: () => 1 });\n`,
  });
  expect(problems[0]?.text).toBe(
    'the task id "same" is defined 2 times: src/trigger/a.ts:2 and src/trigger/b.ts:2',
  );
});

test.each([
  ['concurrency: "nobody"', 'task "a": concurrency names the limit "nobody", which no concurrencyLimit'],
  ["jsonSchema: { a: () => 1 }", 'TypeError: task "a": jsonSchema.a is a function; it must be plain data'],
  [
    "jsonSchema: (() => { const a = {}; a.self = a; return a; })()",
    "jsonSchema.self refers to what it is part of",
  ],
  ["retry: new Map()", 'task "a": retry is a Map'],
  ['queue: { name: "" }', 'task "a": queue.name: '],
  ["maxDuration: 1", 'task "a": maxDuration: '],
])("settings that cannot be deployed are named with their place: %s", async (setting, text) => {
  const error = await failure({
    "src/trigger/a.ts": `${sdk("task")}export const a = task({ id: "a", ${setting}, run: () => 1 });\n`,
  });
  expect(error.problems[0]?.text).toContain(text);
  expect(error.problems[0]?.text).not.toContain("\n");
  expect(error.problems[0]).toMatchObject({ file: "src/trigger/a.ts", line: 2 });
});

test("an error while a task is defined names the line that defines it", async () => {
  const { problems } = await failure({
    "src/trigger/a.ts": `${sdk("schedules")}export const a = schedules.task({ id: "a", cron: "often", run: () => 1 });\n`,
  });
  expect(problems[0]).toMatchObject({ file: "src/trigger/a.ts", line: 2 });
  expect(problems[0]?.text).toContain('task "a": cron needs five fields');
});
