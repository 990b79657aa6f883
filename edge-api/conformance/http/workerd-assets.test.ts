import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../../infra/src/services/create-database.ts";
import { startWorkerd } from "../../../infra/src/start-workerd.ts";
import { databaseServer, redisServer } from "./platforms.ts";

/** What is not the API's the Worker hands on to its assets, whose answers cannot be changed. */
describe.skipIf(databaseServer === undefined || redisServer === undefined)("assets of a Worker", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-assets-"));
  let server: Awaited<ReturnType<typeof startWorkerd>>;
  beforeAll(async () => {
    writeFileSync(join(folder, "index.html"), "<p>the dashboard</p>");
    server = await startWorkerd({
      databaseUrl: await createDatabase(databaseServer ?? "", "assets"),
      redisUrl: redisServer ?? "",
      assetsDir: folder,
    });
  }, 120_000);
  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  test.each(["/", "/runs/some"])("%s is the page, with the headers of every answer", async (path) => {
    const answer = await fetch(`${server.url}${path}`);
    expect({ status: answer.status, text: await answer.text() }).toEqual({
      status: 200,
      text: "<p>the dashboard</p>",
    });
    expect(answer.headers.get("content-type")).toContain("text/html");
    expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
  });
});
