import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient } from "@longshore/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exitCodes } from "../exit-codes.ts";
import { describeError } from "./describe-error.ts";

/** An API that has nothing, and says so in the words of ours. */
let message = "";
const server = createServer((_, response) => {
  response.writeHead(404, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: message, code: "not_found" }));
});
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const described = async (text: string) => {
  message = text;
  const client = createClient({ baseURL: url, accessToken: "tr_dev_sk_x", retry: { maxAttempts: 1 } });
  return describeError(await client.runs.retrieve("run_none").catch((error: unknown) => error));
};

test.each([
  ["Run not found", "longshore runs list"],
  ["Deployment not found", "longshore deployments list"],
  ["Queue not found", "longshore queues list"],
  ["Schedule not found", "longshore schedules list"],
  ['Environment variable "A" not found', "longshore env list"],
  ["Branch not found", "longshore preview list"],
  ['This preview environment has no branch "x".', "longshore preview list"],
  ["Project not found", "longshore projects list"],
  ["Environment not found", "longshore projects list"],
])("404 %j is one line, and the next names %s", async (text, command) => {
  const { next, ...rest } = await described(text);
  expect(rest).toEqual({ message: text, exitCode: exitCodes.notFound });
  expect(next?.startsWith(`${command} `)).toBe(true);
});

test("404 of a task names what to do about it", async () => {
  const text = 'Task "a" not found in this environment. Deploy it first.';
  expect(await described(text)).toMatchObject({
    message: text,
    next: expect.stringContaining("longshore deploy"),
  });
});

test("404 of something else than our API is told as such", async () => {
  expect(await described("Not Found")).toMatchObject({
    message: "the API answered 404: Not Found",
    next: expect.stringContaining("--api-url"),
    exitCode: exitCodes.notFound,
  });
});
