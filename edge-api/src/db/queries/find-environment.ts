import { z } from "zod";
import type { Database } from "../database.ts";

const Environment = z.object({
  id: z.string(),
  role: z.enum(["owner", "admin", "developer", "viewer"]).nullable(),
});

/* Clients name the branch they were built from wherever they call: one that there is not matters in preview alone. */
const statement = `
select coalesce((
  select json_build_object('id', coalesce(b.id, e.id), 'role', m.role)
  from projects p
  join environments e on e.project_id = p.id and e.slug = $2 and e.parent_environment_id is null
  left join environments b on b.parent_environment_id = e.id and b.branch_name = $3 and e.type in ('preview', 'development')
    and b.archived_at is null
  left join members m on m.organization_id = p.organization_id and m.user_id = $4
  where p.ref = $1 and (e.type <> 'preview' or $3::text is null or b.id is not null)
    and (m.role is not null or $5::text in (e.id, b.id))
), 'null'::json)::text`;

/**
 * An environment by its project's ref and its own slug, as a person (a member of the organization) or a holder of one
 * environment's key may see it. Shape: `role` null for the latter. Errors: null for anything else.
 */
export const findEnvironment = async (
  db: Database,
  place: { ref: string; slug: string; branch: string | null },
  caller: { userId: string | null; environmentId: string | null },
): Promise<z.infer<typeof Environment> | null> =>
  Environment.nullable().parse(
    await db.call(statement, [place.ref, place.slug, place.branch, caller.userId, caller.environmentId]),
  );

const slugStatement = `
select coalesce((
  select json_build_object('id', id, 'slug', case when type = 'preview' then 'preview' else slug end)
  from environments where id = $1), 'null'::json)::text`;

/** An environment's slug as its keys carry it. */
export const findKeySlug = async (
  db: Database,
  environmentId: string,
): Promise<{ id: string; slug: string } | null> =>
  z
    .object({ id: z.string(), slug: z.string() })
    .nullable()
    .parse(await db.call(slugStatement, [environmentId]));
