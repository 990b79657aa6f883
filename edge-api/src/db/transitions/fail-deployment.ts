import type { DeploymentError } from "@longshore/shared/contract/deployments";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

const statement = `
with moved as (
  update deployments set status = 'FAILED', error = $3::jsonb
  where id = $1 and environment_id = $2 and status = 'PENDING'
  returning 1
),
seen as (select status from deployments where id = $1 and environment_id = $2)
select case
  when exists (select from moved) then '"moved"'
  when not exists (select from seen) then '"missing"'
  when (select status from seen) = 'FAILED' then '"repeated"'
  else '"refused"' end`;

/** Gives a deployment up that nothing uses yet; the first reason stands. `refused`: it is deployed. */
export const failDeployment = async (
  db: Database,
  deployment: { id: string; environmentId: string },
  error: DeploymentError,
): Promise<"moved" | "repeated" | "refused" | "missing"> =>
  z
    .enum(["moved", "repeated", "refused", "missing"])
    .parse(await db.call(statement, [deployment.id, deployment.environmentId, jsonbText(error)]));
