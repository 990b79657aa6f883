import type { IncomingHttpHeaders } from "node:http";
import pg from "pg";
import { z } from "zod";

const Statement = z.object({ query: z.string(), params: z.array(z.unknown()).default([]) });
const Batch = z.object({ queries: z.array(Statement) });
const Body = z.union([Batch, Statement]);
type Statement = z.infer<typeof Statement>;

const ISOLATION = {
  ReadUncommitted: "read uncommitted",
  ReadCommitted: "read committed",
  RepeatableRead: "repeatable read",
  Serializable: "serializable",
} as const;
const ERROR_FIELDS = [
  ...["severity", "code", "detail", "hint", "position", "internalPosition", "internalQuery", "where"],
  ...["schema", "table", "column", "dataType", "constraint", "file", "line", "routine"],
] as const;
/** Commands whose effect would outlive the request on a pooled connection; Neon's pool lets none through either. */
const LEAKING_COMMANDS = new Set(["SET", "RESET", "BEGIN", "START", "LISTEN", "PREPARE", "DECLARE", "LOAD"]);
/** Every value stays as Postgres wrote it: the client parses by type. */
const RAW_TEXT = { getTypeParser: () => (value: string) => value };

/** An HTTP answer before it is written. */
export interface Answer {
  status: number;
  body: unknown;
}

/**
 * Answers one request of Neon's HTTP SQL protocol with a connection from `pool`.
 *
 * Shape: `{query, params}` answers one result; `{queries}` runs in one transaction, with the isolation level, read-only
 * and deferrable headers, and answers `{results}`.
 * Errors: what Postgres refuses is a 400 with its message, code, detail, constraint and so on; an unreachable Postgres
 * is a 502.
 * Cost: one round trip for a statement, n + 2 for a batch of n.
 * Source: what `@neondatabase/serverless` 1.2 sends and reads.
 */
export async function answerNeonHttp(
  pool: pg.Pool,
  headers: IncomingHttpHeaders,
  input: unknown,
): Promise<Answer> {
  const body = Body.safeParse(input);
  if (!body.success) return { status: 400, body: { message: `bad request body: ${body.error.message}` } };
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    return answerError(error);
  }
  let isSpoiled = false;
  try {
    const statements = "queries" in body.data ? body.data.queries : undefined;
    const results = statements ? await runBatch(client, headers, statements) : undefined;
    if (results) return { status: 200, body: { results } };
    const result = await run(client, Statement.parse(body.data));
    isSpoiled = LEAKING_COMMANDS.has(result.command);
    return { status: 200, body: result };
  } catch (error) {
    isSpoiled = !(error instanceof pg.DatabaseError);
    return answerError(error);
  } finally {
    client.release(isSpoiled);
  }
}

async function runBatch(
  client: pg.PoolClient,
  headers: IncomingHttpHeaders,
  statements: readonly Statement[],
) {
  await client.query(beginStatement(headers));
  try {
    const results = [];
    for (const statement of statements) results.push(await run(client, statement));
    await client.query("commit");
    return results;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

function beginStatement(headers: IncomingHttpHeaders): string {
  const level = String(headers["neon-batch-isolation-level"] ?? "");
  const isolation = level in ISOLATION ? ISOLATION[level as keyof typeof ISOLATION] : undefined;
  return [
    "begin",
    isolation ? `isolation level ${isolation}` : "",
    headers["neon-batch-read-only"] === "true" ? "read only" : "",
    headers["neon-batch-deferrable"] === "true" ? "deferrable" : "",
  ].join(" ");
}

async function run(client: pg.PoolClient, { query, params }: Statement) {
  const result = await client.query<(string | null)[]>({
    text: query,
    values: params,
    rowMode: "array",
    types: RAW_TEXT,
    // As Neon does: one statement per query, also when it has no parameters.
    queryMode: "extended",
  } as pg.QueryArrayConfig);
  const { command, rowCount, rows, fields } = result;
  return { command, rowCount, rows, fields, rowAsArray: true };
}

function answerError(error: unknown): Answer {
  if (!(error instanceof pg.DatabaseError)) {
    const message = error instanceof Error ? error.message || error.name : String(error);
    return { status: 502, body: { message: `Postgres does not answer: ${message}` } };
  }
  const fields = ERROR_FIELDS.map((field) => [field, error[field] ?? null]);
  return { status: 400, body: { message: error.message, ...Object.fromEntries(fields) } };
}
