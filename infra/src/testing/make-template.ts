import { join } from "node:path";
import { openPglite } from "@longshore/edge-api/platform/database-pglite";
import { migrateEmbedded } from "@longshore/edge-api/platform/migrate";
import { makeTempFolder } from "../services/temp-folder.ts";

/**
 * A migrated embedded database for tests to begin with (`LONGSHORE_EMBEDDED_TEMPLATE`): making one from nothing takes a
 * hundred times as long as copying it. Shape: its folder, and how to remove it.
 */
export async function makeTemplate(): Promise<{ path: string; remove(): void }> {
  const folder = makeTempFolder("template");
  const path = join(folder.path, "postgres");
  const { pglite, close } = await openPglite(path);
  await migrateEmbedded(pglite);
  await close();
  return { path, remove: folder.remove };
}
