import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { AuthenticationError, UnprocessableEntityError } from "@longshore/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BundleError } from "../bundle/bundle-error.ts";
import { type FakeApi, startFakeApi } from "../testing/fake-api.fixture.ts";
import { createProject } from "../testing/project.fixture.ts";
import { deployProject } from "./deploy.ts";

let api: FakeApi;
let project: Awaited<ReturnType<typeof createProject>>;
const good = 'import { task } from "@longshore/sdk";\nexport const a = task({ id: "a", run: () => 1 });\n';

beforeEach(async () => {
  api = await startFakeApi();
  project = await createProject({ "src/trigger/a.ts": good });
});
afterEach(async () => {
  await api.close();
  await project.remove();
});

const deploy = (more: object = {}) =>
  deployProject({ dir: project.dir, apiUrl: api.url, apiKey: api.key, ...more });

test("a deployment uploads, creates, finalises and promotes, in this order", async () => {
  const steps: string[] = [];
  const deployed = await deploy({ onStep: (step: string) => steps.push(step) });
  expect(deployed).toMatchObject({ version: "20260101.1", tasks: ["a"], promoted: true });
  expect(api.calls).toEqual([
    `PUT /api/v1/bundles/${deployed.bundleHash}`,
    "POST /api/v1/deployments",
    "POST /api/v1/deployments/deployment_1/finalise",
    "POST /api/v1/deployments/deployment_1/promote",
  ]);
  expect(steps).toEqual(["build", "upload", "create", "finalise", "promote"]);
  expect(api.current).toBe("deployment_1");
  const tar = gunzipSync(api.bundles.get(deployed.bundleHash) ?? Buffer.alloc(0)).toString("latin1");
  for (const name of ["index.mjs", "index.mjs.map", "manifest.json"]) expect(tar).toContain(name);
});

test("a bundle that the API has is not uploaded again, unless it is sent sooner than asked for", async () => {
  const sent = async () => {
    const before = api.calls.length;
    await deploy();
    return api.calls
      .slice(before)
      .filter((call) => /^(PUT|HEAD)/.test(call))
      .map((call) => call.slice(0, 4));
  };
  expect([await sent(), await sent()]).toEqual([["PUT "], ["PUT "]]);
  // Random text, so that packing leaves it large.
  const text = randomBytes(300_000).toString("base64");
  await project.write("src/trigger/b.ts", `export const text = "${text}";`);
  await project.write(
    "src/trigger/a.ts",
    `${good}\nimport { text } from "./b";\nconsole.debug(text.length);`,
  );
  expect([await sent(), await sent()]).toEqual([["HEAD", "PUT "], ["HEAD"]]);
  expect(api.current).toBe("deployment_4");
});

test("code that does not build reaches no API", async () => {
  await project.write("src/trigger/a.ts", "const x = ;");
  await expect(deploy()).rejects.toThrow(BundleError);
  expect(api.calls).toEqual([]);
});

test("nothing is promoted when a step before it fails", async () => {
  api.failWhere("/finalise", { status: 422, body: { error: "the queue limit is too high" } });
  await expect(deploy()).rejects.toThrow(UnprocessableEntityError);
  expect(api.calls.filter((call) => call.endsWith("/promote"))).toEqual([]);
  expect(api.current).toBeUndefined();
});

test("promotion can be left out", async () => {
  expect(await deploy({ skipPromotion: true })).toMatchObject({ promoted: false });
  expect(api.current).toBeUndefined();
});

test("a refused key is told as such", async () => {
  await expect(deploy({ apiKey: "tr_dev_sk_wrong" })).rejects.toThrow(AuthenticationError);
});
