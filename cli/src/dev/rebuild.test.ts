import { afterEach, beforeEach, expect, test } from "vitest";
import { BundleError } from "../bundle/bundle-error.ts";
import { type FakeApi, startFakeApi } from "../testing/fake-api.fixture.ts";
import { createProject } from "../testing/project.fixture.ts";
import { createRebuilder, type RebuildOutcome } from "./rebuild.ts";
import { watchProject } from "./watch-project.ts";

let api: FakeApi;
let project: Awaited<ReturnType<typeof createProject>>;
const file = "src/trigger/a.ts";
const good = (output: number) =>
  `import { task } from "@longshore/sdk";\nexport const a = task({ id: "a", run: () => ${output} });\n`;

beforeEach(async () => {
  api = await startFakeApi();
  project = await createProject({ [file]: good(1) });
});
afterEach(async () => {
  await api.close();
  await project.remove();
});

test("a broken file keeps the last good version, and its repair replaces it", async () => {
  const outcomes: RebuildOutcome[] = [];
  const rebuilder = createRebuilder({ dir: project.dir, apiUrl: api.url, apiKey: api.key }, (outcome) =>
    outcomes.push(outcome),
  );
  const build = async () => {
    rebuilder.request();
    await rebuilder.idle();
    return outcomes.at(-1);
  };
  expect(await build()).toMatchObject({ kind: "deployed", deployed: { version: "20260101.1" } });
  await project.write(file, "const x = ;");
  const kept = await build();
  expect(kept).toMatchObject({ kind: "kept", hasGood: true });
  expect(kept?.kind === "kept" && kept.error).toBeInstanceOf(BundleError);
  expect(api.current).toBe("deployment_1");
  await project.write(file, good(1));
  expect(await build()).toEqual({ kind: "unchanged", afterFailure: true });
  await project.write(file, good(2));
  expect(await build()).toMatchObject({ kind: "deployed", deployed: { version: "20260101.2" } });
});

test("requests during a build make one more build, not many", async () => {
  const outcomes: RebuildOutcome[] = [];
  const rebuilder = createRebuilder({ dir: project.dir, apiUrl: api.url, apiKey: api.key }, (outcome) =>
    outcomes.push(outcome),
  );
  for (let i = 0; i < 5; i++) rebuilder.request();
  await rebuilder.idle();
  expect(outcomes.map((outcome) => outcome.kind)).toEqual(["deployed", "unchanged"]);
});

test("a change of the code is noticed; one in ignored folders is not", async () => {
  let notice = () => {};
  let count = 0;
  const watcher = await watchProject(project.dir, () => {
    count += 1;
    notice();
  });
  const noticed = new Promise<void>((resolve) => {
    notice = resolve;
  });
  await project.write("node_modules/x/index.js", "1");
  await project.write(".longshore/dev.json", "{}");
  await project.write(file, good(3));
  await noticed;
  expect(count).toBe(1);
  await watcher.close();
});
