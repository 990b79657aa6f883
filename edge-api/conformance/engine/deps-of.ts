import type { Database } from "@longshore/edge-api/db/database";
import { createInProcessHints } from "@longshore/edge-api/hints/in-process";
import { defaultSettings } from "@longshore/edge-api/platform/settings";
import type { Deps } from "@longshore/edge-api/services/deps";

/** What one API process has, on a test's database. Work that outlives an answer is left to the test. */
export const depsOf = (db: Database): Deps => ({
  db,
  log: () => undefined,
  hints: createInProcessHints("test"),
  blobs: { put: async () => undefined, get: async () => null, remove: async () => undefined },
  secret: new Uint8Array(32),
  encryptionKeys: [],
  settings: defaultSettings,
  later: (work) => void work.catch(() => undefined),
  presence: null,
  groupsCommits: false,
  random: Math.random,
});
