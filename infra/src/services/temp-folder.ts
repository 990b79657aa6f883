import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./at-end.ts";

/** A folder that goes when it is removed, or with this process at the latest. */
export interface TempFolder {
  path: string;
  remove(): void;
}

/**
 * Makes a fresh folder. As root it is in /tmp: a root user's TMPDIR may be closed to the users that services run as.
 *
 * Shape: made before a service starts, it is removed after the service ended, because the youngest ends first.
 */
export function makeTempFolder(
  name: string,
  removeFolder = (path: string) => rmSync(path, { recursive: true, force: true, maxRetries: 3 }),
): TempFolder {
  const parent = process.getuid?.() === 0 ? "/tmp" : tmpdir();
  const path = mkdtempSync(join(parent, `longshore-${name}-`));
  const remove = () => {
    removeFolder(path);
    forget();
  };
  const killNow = () => {
    try {
      removeFolder(path);
    } catch {
      // A killed service may still hold its folder; a temp folder left behind is better than no exit.
    }
  };
  const forget = atEnd({ stop: async () => remove(), killNow });
  return { path, remove };
}
