import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sessionSettings } from "./database-pg.ts";

test("the settings of a session are those that docs/operations.md names and gives a role", () => {
  const docs = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");
  for (const set of sessionSettings.split("; ")) {
    expect(docs).toContain(`\`${set.replace(/^set /, "")}\``);
    expect(docs).toContain(`alter role longshore ${set};`);
  }
});
