import { afterAll, beforeAll } from "vitest";
import type { TestDatabase } from "./fixture.ts";

/** A database that is opened before the cases around this call and closed after them: it is there while one of them runs. */
export const openLater = (open: () => Promise<TestDatabase>): TestDatabase => {
  let opened: TestDatabase | undefined;
  const database = (): TestDatabase => {
    if (opened === undefined) throw new Error("the database is not open yet");
    return opened;
  };
  beforeAll(async () => {
    opened = await open();
  }, 60_000);
  afterAll(() => opened?.close());
  return {
    get db() {
      return database().db;
    },
    query: (text, values) => database().query(text, values),
    advance: (ms) => database().advance(ms),
    close: () => database().close(),
  };
};
