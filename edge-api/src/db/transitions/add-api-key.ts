import type { Database } from "../database.ts";

const statement = `
with made as (
  insert into api_keys (id, environment_id, name, key_hash, hint) values ($1, $2, $3, $4, $5)
)
select 'true'`;

/** Keeps a key's hash and its last four characters. */
export const addApiKey = async (
  db: Database,
  key: { id: string; environmentId: string; name: string; keyHash: string; hint: string },
): Promise<void> => {
  await db.call(statement, [key.id, key.environmentId, key.name, key.keyHash, key.hint]);
};
