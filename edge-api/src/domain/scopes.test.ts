import { describe, expect, test } from "vitest";
import { couldBeGranted, isGranted, scopesBeyond } from "./scopes.ts";

describe("a scope grants", () => {
  test.each([
    ["admin", "write", { type: "anything", id: "x" }],
    ["*:all", "trigger", { type: "tasks", id: "x" }],
    ["read:all", "read", { type: "envvars" }],
    ["read:runs", "read", { type: "runs", id: "run_1" }],
    ["read:runs:run_1", "read", { type: "runs", id: "run_1" }],
    ["read:tags:user:1", "read", { type: "tags", id: "user:1" }],
    ["write:tasks", "trigger", { type: "tasks", id: "x" }],
    ["write:tasks:x", "batchTrigger", { type: "tasks", id: "x" }],
    ["admin:runs", "write", { type: "runs", id: "run_1" }],
  ])("%s: %s on %j", (scope, action, resource) => {
    expect(isGranted([scope], action, [resource])).toBe(true);
  });
  test.each([
    ["read", "read", { type: "runs" }],
    ["read:runs:run_1", "read", { type: "runs" }],
    ["read:runs:run_1", "read", { type: "runs", id: "run_2" }],
    ["read:runs", "write", { type: "runs" }],
    ["read:tags:user", "read", { type: "tags", id: "user:1" }],
    ["trigger:tasks", "write", { type: "tasks" }],
    ["write:runs", "trigger", { type: "tasks" }],
    ["", "read", { type: "" }],
  ])("but not %s: %s on %j", (scope, action, resource) => {
    expect(isGranted([scope], action, [resource])).toBe(false);
  });
});

describe("before the body is read", () => {
  test("a scope for any one resource of the route's type is enough, and runs have more than one name", () => {
    expect(couldBeGranted(["trigger:tasks:x"], "trigger:tasks")).toBe(true);
    expect(couldBeGranted(["read:tags:a"], "read:runs")).toBe(true);
    expect(couldBeGranted(["read:all"], "read:queues")).toBe(true);
    expect(couldBeGranted(["read:prompts"], "read:runs")).toBe(false);
    expect(couldBeGranted(["read:runs"], "write:runs")).toBe(false);
    expect(couldBeGranted([], "read:runs")).toBe(false);
  });
});

describe("nobody hands out more than they have", () => {
  test.each([
    [["read:runs"], ["read:runs:run_1", "read:runs"], []],
    [["read:runs:run_1"], ["read:runs"], ["read:runs"]],
    [["read:all"], ["read:tags:a", "write:runs"], ["write:runs"]],
    [["read:all"], ["*:runs", "admin", "read"], ["*:runs", "admin", "read"]],
    [["*:runs"], ["admin:runs", "read:runs", "*:all"], ["*:all"]],
    [["write:tasks"], ["trigger:tasks:x"], []],
    [["admin"], ["admin", "*:all"], []],
  ])("%j may not give of %j: %j", (held, wanted, denied) => {
    expect(scopesBeyond(held, wanted)).toEqual(denied);
  });
  test("an unrestricted key gives anything", () => {
    expect(scopesBeyond(null, ["admin"])).toEqual([]);
  });
});
