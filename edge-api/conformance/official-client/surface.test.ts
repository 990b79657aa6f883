import { ApiClient } from "@trigger.dev/core/v3";
import {
  auth,
  batch,
  concurrencyLimits,
  deployments,
  envvars,
  idempotencyKeys,
  queues,
  runs,
  schedules,
  tasks,
  wait,
} from "official-trigger-sdk";
import { describe, expect, test } from "vitest";
import { clientCalls } from "./calls.ts";
import { apiMethods, functionsWithoutRow } from "./surface.ts";

const namespaces = {
  ...{ auth, batch, concurrencyLimits, deployments, envvars, idempotencyKeys },
  ...{ queues, runs, schedules, tasks, wait },
};

const functionsOf = (value: object, path: string): string[] =>
  Object.entries(value).flatMap(([key, member]: [string, unknown]) => {
    const name = `${path}.${key}`;
    if (typeof member === "function") return [name];
    return typeof member === "object" && member !== null ? functionsOf(member, name) : [];
  });

/** A newer client with more calls fails here first. */
describe("the table of calls", () => {
  test("knows every method of the client's API client", () => {
    expect(Object.getOwnPropertyNames(ApiClient.prototype).sort()).toEqual(Object.keys(apiMethods).sort());
  });

  test("has every function that users call, or the reason why not", () => {
    const rows = new Set(clientCalls.map(({ name }) => name.replace(/ \(.*\)$/, "")));
    const functions = Object.entries(namespaces).flatMap(([name, value]) => functionsOf(value, name));
    expect(functions.length).toBeGreaterThan(60);
    expect(functions.filter((name) => !rows.has(name as never) && !functionsWithoutRow[name])).toEqual([]);
  });
});
