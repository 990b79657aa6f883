import { expect, test } from "vitest";
import type { Part } from "./bring-up.ts";
import type { VitestRun } from "./run-vitest.ts";
import { summarise } from "./summarise.ts";

const ready: Part = {
  need: "redis",
  service: { url: "redis://x", how: "here", stop: async () => undefined },
};
const missing: Part = { need: "docker", service: { missing: "no engine" } };

function run(statuses: string[], exitCode: number, fileStatus = "passed"): VitestRun {
  const count = (status: string) => statuses.filter((one) => one === status).length;
  return {
    exitCode,
    report: {
      numPassedTests: count("passed"),
      numFailedTests: count("failed"),
      numPendingTests: count("skipped"),
      numTodoTests: count("todo"),
      testResults: [
        {
          name: "/house/a/src/a.test.ts",
          status: fileStatus,
          assertionResults: statuses.map((status, index) => ({ status, fullName: `test ${index}` })),
        },
      ],
    },
  };
}

test("a green run says what is ready, what is missing and what was skipped", () => {
  expect(summarise([ready, missing], run(["passed", "passed", "skipped"], 0), "/house", false)).toEqual({
    lines: [
      "part            | status    | why",
      "redis           | ready     | here",
      "docker          | missing   | no engine",
      "a/src/a.test.ts | 1 skipped | test 2",
      "2 passed, 0 failed, 1 skipped",
    ],
    exitCode: 0,
  });
});

test("where everything is required, a missing part or a skipped test fails the run", () => {
  expect(summarise([missing], run(["passed"], 0), "/house", true)).toMatchObject({ exitCode: 1 });
  expect(summarise([ready], run(["passed", "todo"], 0), "/house", true)).toMatchObject({ exitCode: 1 });
  expect(summarise([ready], run(["passed"], 0), "/house", true)).toMatchObject({ exitCode: 0 });
});

test("a failure is counted however it comes about", () => {
  const lastLine = (vitest: VitestRun) => summarise([], vitest, "/house", false).lines.at(-1);
  expect(lastLine(run(["passed", "failed"], 1, "failed"))).toBe("1 passed, 1 failed, 0 skipped");
  expect(lastLine(run([], 1, "failed"))).toBe("0 passed, 1 failed, 0 skipped");
  expect(lastLine(run(["passed"], 1))).toBe("1 passed, 1 failed, 0 skipped");
  expect(lastLine({ exitCode: null, report: undefined })).toBe("0 passed, 1 failed, 0 skipped");
});
