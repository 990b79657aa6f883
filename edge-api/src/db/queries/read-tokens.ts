import type { TokenStatus } from "@longshore/shared/contract/waitpoints";
import { and, asc, desc, eq, gt, gte, isNotNull, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { waitPoints } from "../schema/record.ts";

const selectTokens = (db: Database) => db.read.select().from(waitPoints).$dynamic();

/** A wait token as it is stored. */
export type TokenRow = Awaited<ReturnType<typeof selectTokens>>[number];

/** A token; null when the environment has none with this id. `environmentId` null: whoever holds its callback address. */
export const findToken = async (
  db: Database,
  environmentId: string | null,
  id: string,
): Promise<TokenRow | null> => {
  const inPlace = environmentId === null ? undefined : eq(waitPoints.environmentId, environmentId);
  const [row] = await selectTokens(db).where(
    and(eq(waitPoints.id, id), eq(waitPoints.kind, "token"), inPlace),
  );
  return row ?? null;
};

export type TokenFilter = {
  statuses?: TokenStatus[];
  idempotencyKey?: string;
  tags?: string[];
  fromMs?: number;
  toMs?: number;
};

const statusConditions: Record<TokenStatus, SQL | undefined> = {
  WAITING: eq(waitPoints.status, "pending"),
  COMPLETED: and(eq(waitPoints.status, "completed"), isNull(waitPoints.error)),
  TIMED_OUT: and(eq(waitPoints.status, "completed"), isNotNull(waitPoints.error)),
};

const iso = (ms: number) => new Date(ms).toISOString();

const conditions = (environmentId: string, filter: TokenFilter): (SQL | undefined)[] => [
  eq(waitPoints.environmentId, environmentId),
  eq(waitPoints.kind, "token"),
  filter.statuses && (or(...filter.statuses.map((status) => statusConditions[status])) ?? sql`false`),
  filter.idempotencyKey === undefined ? undefined : eq(waitPoints.idempotencyKey, filter.idempotencyKey),
  filter.tags &&
    sql`${waitPoints.tags} && array[${sql.join(
      filter.tags.map((tag) => sql`${tag}`),
      sql`, `,
    )}]::text[]`,
  filter.fromMs === undefined ? undefined : gte(waitPoints.createdAt, iso(filter.fromMs)),
  filter.toMs === undefined ? undefined : lte(waitPoints.createdAt, iso(filter.toMs)),
];

/** A page of tokens, newest first; one more than `size` is read, to know whether there is another page. */
export const listTokens = async (
  db: Database,
  environmentId: string,
  filter: TokenFilter,
  page: { size: number; after?: string; before?: string },
): Promise<{ rows: TokenRow[]; hasOlder: boolean; hasNewer: boolean }> => {
  // Clients that turn back send the cursor they came by as well.
  const isBackwards = page.before !== undefined;
  const cursor =
    page.before !== undefined
      ? gt(waitPoints.id, page.before)
      : page.after !== undefined
        ? lt(waitPoints.id, page.after)
        : undefined;
  const found = await selectTokens(db)
    .where(and(...conditions(environmentId, filter), cursor))
    .orderBy(isBackwards ? asc(waitPoints.id) : desc(waitPoints.id))
    .limit(page.size + 1);
  const rows = found.slice(0, page.size);
  const hasMore = found.length > page.size;
  if (isBackwards) return { rows: rows.reverse(), hasOlder: true, hasNewer: hasMore };
  return { rows, hasOlder: hasMore, hasNewer: page.after !== undefined };
};
