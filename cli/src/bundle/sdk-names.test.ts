import { afterEach, expect, test } from "vitest";
import { createProjects, expectBundleError } from "../testing/project.fixture.ts";
import { bundleProject } from "./bundle-project.ts";

const projects = createProjects();
afterEach(projects.removeAll);

const bundle = async (code: string) =>
  bundleProject({ dir: await projects.make({ "src/trigger/a.ts": code }), config: {} });

const problems = async (code: string) => (await expectBundleError(bundle(code))).problems;

const hint = "docs/compatibility.md";

test("both names and both entries of the SDK are one copy of ours", async () => {
  const { code } = await bundle(`
    import { task } from "@trigger.dev/sdk";
    import { tasks } from "@trigger.dev/sdk/v3";
    import { runs } from "@longshore/sdk";
    import { batch } from "@longshore/sdk/v3";
    export const a = task({ id: "a", run: () => [tasks, runs, batch] });
  `);
  expect(code.match(/longshore\.catalog\.2/g)).toHaveLength(1);
});

test("an export that is not there fails the build by its name, where it is imported", async () => {
  const [problem] = await problems(`
    import { task } from "@trigger.dev/sdk";
    import {
      chatEvent,
    } from "@trigger.dev/sdk/v3";
    export const a = task({ id: "a", run: () => chatEvent });
  `);
  expect(problem).toMatchObject({ file: "src/trigger/a.ts", line: 4 });
  expect(problem?.text).toContain('no export "chatEvent"');
  expect(problem?.text).toContain(hint);
});

test("so does one that is reached through a namespace", async () => {
  const [problem] = await problems(`
    import * as sdk from "@trigger.dev/sdk";
    export const a = sdk.task({ id: "a", run: () => sdk.chatEvent });
  `);
  expect(problem?.text).toContain('no export "chatEvent"');
});

test("a type of the reference system that is not there is no reason to fail", async () => {
  const { taskFiles } = await bundle(`
    import { task, type ChatTaskPayload } from "@trigger.dev/sdk";
    export const a = task({ id: "a", run: (payload: ChatTaskPayload) => payload });
  `);
  expect(taskFiles).toEqual(["src/trigger/a.ts"]);
});

test("entries that are not ours are named", async () => {
  const [problem] = await problems('import { ai } from "@trigger.dev/sdk/ai";\nconsole.log(ai);');
  expect(problem?.text).toContain('"@trigger.dev/sdk/ai" is not in Longshore');
  expect(problem?.text).toContain(hint);
});
