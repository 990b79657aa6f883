import { z } from "zod";
import type { Database } from "../database.ts";
import { DeploymentRow, deploymentJson } from "../transitions/deployments.ts";

const Found = z.object({
  row: DeploymentRow,
  manifest: z.unknown(),
  environmentType: z.string(),
  /** The database's time. */
  nowMs: z.number(),
});

const getStatement = `
select coalesce((
  select json_build_object('row', ${deploymentJson("d")}, 'manifest', d.manifest, 'environmentType', e.type,
    'nowMs', floor(extract(epoch from (select app_now())) * 1000))
  from deployments d join environments e on e.id = d.environment_id where d.environment_id = $2 and (d.id = $1 or d.version = $1)), 'null'::json)::text`;

/** A deployment by id or version, with its manifest; null when this environment has none such. */
export const findDeployment = async (
  db: Database,
  name: string,
  environmentId: string,
): Promise<z.infer<typeof Found> | null> =>
  Found.nullable().parse(await db.call(getStatement, [name, environmentId]));

const currentStatement = `
select json_build_object(
  'current', (select ${deploymentJson("d")} from deployments d where d.id = e.current_deployment_id),
  'previousId', (
    select d.id from deployments d
    where d.environment_id = e.id and d.status = 'DEPLOYED' and d.id < e.current_deployment_id
    order by d.id desc limit 1))::text
from environments e where e.id = $1`;

/** The deployment that new runs take, and the newest usable one before it. */
export const findCurrentDeployment = async (
  db: Database,
  environmentId: string,
): Promise<{ current: DeploymentRow | null; previousId: string | null }> =>
  z
    .object({ current: DeploymentRow.nullable(), previousId: z.string().nullable() })
    .parse(await db.call(currentStatement, [environmentId]));

export type DeploymentFilter = { status: string | null; from: string | null; to: string | null };

const listStatement = `
select coalesce(json_agg(${deploymentJson("d")} order by d.id desc), '[]')::text
from (
  select * from deployments
  where environment_id = $1 and ($2::text is null or id < $2)
    and ($4::text is null or status = $4)
    and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at <= $6)
  order by id desc limit $3
) d`;

/** Deployments of an environment, newest first, after the one named. */
export const listDeployments = async (
  db: Database,
  environmentId: string,
  filter: DeploymentFilter,
  page: { after: string | null; size: number },
): Promise<DeploymentRow[]> =>
  z
    .array(DeploymentRow)
    .parse(
      await db.call(listStatement, [
        environmentId,
        page.after,
        page.size,
        filter.status,
        filter.from,
        filter.to,
      ]),
    );
