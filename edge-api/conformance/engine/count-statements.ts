import type { Database } from "@longshore/edge-api/db/database";

/** The same database, which counts what it is asked to do. */
export const countStatements = (db: Database): { db: Database; statements: () => number } => {
  let count = 0;
  const call: Database["call"] = (text, values) => {
    count++;
    return db.call(text, values);
  };
  return { db: { call, read: db.read }, statements: () => count };
};
