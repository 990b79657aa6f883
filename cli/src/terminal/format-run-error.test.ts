import { expect, test } from "vitest";
import { formatRunError } from "./format-run-error.ts";

test.each([
  ["a container", "/longshore/bundle"],
  ["a process", "/home/ada/shop/.longshore/agent/runs/box_01m8/b"],
])("of a stack in %s the project's own frames remain, as paths of the project", (_where, folder) => {
  const stackTrace = [
    "Error: boom",
    `    at Object.run (${folder}/src/trigger/a.ts:6:34)`,
    `    at callRun (${folder}/node_modules/@longshore/sdk/dist/index.js:3:2704)`,
    "    at async go (/home/ada/shop/.longshore/agent/runner/5d/executor.cjs:236:19)",
    "    at async go (file:///home/ada/shop/.longshore/agent/runner/5d/executor.mjs:236:19)",
    "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    "[cause] TypeError: deep",
    `    at ${folder}/src/lib.ts:1:2`,
  ].join("\n");
  expect(formatRunError({ message: "boom", name: "Error", stackTrace })).toBe(
    [
      "Error: boom",
      "    at Object.run (src/trigger/a.ts:6:34)",
      "[cause] TypeError: deep",
      "    at src/lib.ts:1:2",
    ].join("\n"),
  );
});

test("an end without a stack is what the platform says of it", () => {
  expect(formatRunError({ message: "The run expired." })).toBe("The run expired.");
  expect(formatRunError({ name: "TypeError", message: "no" })).toBe("TypeError: no");
});
