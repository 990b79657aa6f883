import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { wakeParents, wakesDue } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

export type TokenCompletion = {
  id: string;
  environmentId: string;
  output: string | null;
  outputType: string;
};

const Answer = z.object({ results: z.array(z.enum(["moved", "repeated", "missing"])), hints: HintsDue });

const statement = `
with given as (
  select row_number() over () as ord, g."id" as id, g."environmentId" as environment_id, g."output" as output,
    g."outputType" as output_type
  from jsonb_to_recordset($1::jsonb) as g("id" text, "environmentId" text, "output" text, "outputType" text)
),
found as (
  select p.id from wait_points p
  where p.kind = 'token' and (p.id, p.environment_id) in (select id, environment_id from given)
  order by p.id
  for update
),
done_points as (
  update wait_points p
  set status = 'completed', due_at = null, completed_at = (select app_now()), output = g.output, output_type = g.output_type
  from given g
  where p.id = g.id and p.id in (select id from found) and p.status = 'pending'
  returning p.id
),
${wakeParents}
select json_build_object(
  'results', (
    select coalesce(json_agg(case when d.id is not null then 'moved' when f.id is not null then 'repeated'
      else 'missing' end order by g.ord), '[]')
    from given g left join done_points d on d.id = g.id left join found f on f.id = g.id),
  'hints', ${wakesDue})::text`;

/**
 * Completes wait tokens, and wakes the runs that waited last for them: the move `wake`. One that is complete already
 * stays as it is (`repeated`). Cost: one round trip, whatever the count.
 */
export const completeTokens = async (
  db: Database,
  completions: readonly TokenCompletion[],
): Promise<z.infer<typeof Answer>> => Answer.parse(await db.call(statement, [jsonbText(completions)]));
