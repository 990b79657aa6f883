import { z } from "zod";
import type { Database } from "../database.ts";

const Project = z.object({
  role: z.enum(["owner", "admin", "developer", "viewer"]).nullable(),
  places: z.array(z.object({ id: z.string(), slug: z.string() })).nullable(),
});

const statement = `
select coalesce((
  select json_build_object('role', m.role, 'places', (
    select json_agg(json_build_object('id', e.id, 'slug', e.slug) order by e.id)
    from environments e
    where e.project_id = p.id and e.archived_at is null and (m.role is not null or e.id = $3::text)
  ))
  from projects p
  left join members m on m.organization_id = p.organization_id and m.user_id = $2
  where p.ref = $1
), 'null'::json)::text`;

/**
 * The environments of a project that a person (a member of its organization: all of them) or a holder of one
 * environment's key may see. Shape: `role` null for the latter. Errors: null when there is nothing to see.
 */
export const findProject = async (
  db: Database,
  ref: string,
  caller: { userId: string | null; environmentId: string | null },
): Promise<{
  role: z.infer<typeof Project>["role"];
  places: { id: string; slug: string }[];
} | null> => {
  const found = Project.nullable().parse(
    await db.call(statement, [ref, caller.userId, caller.environmentId]),
  );
  return found?.places ? { role: found.role, places: found.places } : null;
};
