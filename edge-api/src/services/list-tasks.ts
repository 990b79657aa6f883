import type { TaskList } from "@longshore/shared/contract/dashboard";
import { ManifestTask } from "@longshore/shared/contract/manifest";
import { listCurrentTasks } from "../db/queries/list-tasks.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";

/** `GET /api/v1/tasks`. Errors: `forbidden`. */
export const listTasks = async (deps: Deps, principal: Principal): Promise<TaskList> => {
  requireScope(principal, "read", [{ type: "tasks" }]);
  const rows = await listCurrentTasks(deps.db, principal.environmentId);
  return {
    data: rows.map((row) => ({
      ...ManifestTask.parse({
        id: row.id,
        filePath: row.filePath,
        ...(row.exportName === null ? {} : { exportName: row.exportName }),
        ...(row.description === null ? {} : { description: row.description }),
        queue: { name: row.queueName, concurrencyLimit: row.concurrencyLimit },
        retry: row.retry,
        machine: row.machine,
        maxDuration: row.maxDurationS,
      }),
      version: row.version,
      queued: row.queued,
      running: row.running,
    })),
  };
};
