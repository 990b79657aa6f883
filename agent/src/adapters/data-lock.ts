import { join } from "node:path";
import { lockFile } from "./lock-file.ts";

/**
 * Makes this process the only agent on a data folder: two would tear the outbox apart.
 *
 * Shape: a function that gives it back. Errors: throws while another living process has it.
 */
export const lockData = (dataDir: string): Promise<() => Promise<void>> =>
  lockFile(
    join(dataDir, "agent.lock"),
    (pid) => new Error(`Another agent (process ${pid}) uses the data folder ${dataDir}.`),
  );
