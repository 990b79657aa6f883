import { expect, test } from "vitest";
import { isFiltered, readRunsSearch, toListQuery } from "./run-filters.ts";

test("the URL's filters become the API's", () => {
  const search = readRunsSearch({
    status: "FAILED,CRASHED",
    task: "a,b",
    tag: "x",
    period: "1h",
    after: "run_1",
  });
  expect(toListQuery(search)).toEqual({
    limit: 50,
    status: ["FAILED", "CRASHED"],
    taskIdentifier: ["a", "b"],
    tag: ["x"],
    period: "1h",
    after: "run_1",
  });
});

test("words that the API would refuse are never sent", () => {
  expect(readRunsSearch({ status: "NONSENSE", period: "soon", other: "1" })).toEqual({});
  expect(readRunsSearch({ status: "NONSENSE,FAILED" })).toEqual({ status: "FAILED" });
});

test("a page is no filter", () => {
  expect(isFiltered({ after: "run_1" })).toBe(false);
  expect(isFiltered({ tag: "x" })).toBe(true);
});
