import { zValidator } from "@hono/zod-validator";
import type { WireError } from "@longshore/shared/contract/wire-error";
import { AppError } from "@longshore/shared/core/error-codes";
import type { HonoRequest } from "hono";
import { createMiddleware } from "hono/factory";
import { z } from "zod";
import { limitBody } from "./limit-body.ts";

type Issue = { path: PropertyKey[]; message: string };

/** What was wrong with a request, field by field. */
export class ValidationError extends AppError {
  readonly issues: NonNullable<WireError["issues"]>;

  constructor(part: string, issues: readonly Issue[]) {
    const named = issues.map((issue) => ({ path: issue.path.map(String).join("."), message: issue.message }));
    const sentence = named
      .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
      .join("; ");
    super("bad_request", `Invalid request ${part}. ${sentence}`);
    this.issues = named;
  }
}

/** Filters that the schema does not know: passed over they would widen the answer. */
const strangeFilters = (schema: z.ZodType, names: readonly string[]): Issue[] => {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return names
    .filter((name) => name.startsWith("filter[") && !known.includes(name))
    .map((name) => ({ path: [name], message: "is no filter of this list" }));
};

/** Reads the query by a schema. Errors: `bad_request` naming each field, and each filter that there is not. */
export const validQuery = <T extends z.ZodType>(schema: T) =>
  zValidator("query", schema, (result, c) => {
    const issues = result.success ? [] : result.error.issues;
    const strange = strangeFilters(schema, Object.keys(c.req.queries()));
    if (issues.length + strange.length > 0) throw new ValidationError("query", [...issues, ...strange]);
  });

/** No JSON body is larger, whatever its route: reports of agents are the largest. Units: bytes. */
const jsonBytesMax = 32 * 1024 * 1024;
const jsonBody = limitBody(jsonBytesMax);

const hasBody = (headers: Headers): boolean =>
  headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > 0;

/** Reads a JSON body that may be left out; clients name its type even then. Errors: as for `validBody`. */
export const readOptionalBody = async <T extends z.ZodType>(
  request: HonoRequest,
  schema: T,
): Promise<z.infer<T>> => {
  const text = await request.text();
  if (text !== "") requireJson(request.header("content-type") ?? "");
  const parsed = schema.safeParse(text === "" ? {} : parseJson(text));
  if (!parsed.success) throw new ValidationError("body", parsed.error.issues);
  return parsed.data;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("bad_request", "Malformed JSON in request body", { cause });
  }
};

const requireJson = (type: string): void => {
  if (/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) return;
  throw new AppError(
    "unsupported_media_type",
    `The body must be sent as content-type: application/json, not "${type}".`,
  );
};

/** A body in another form than JSON would be read as an empty one; say so instead. */
const jsonOnly = createMiddleware(async (c, next) => {
  if (hasBody(c.req.raw.headers)) requireJson(c.req.header("content-type") ?? "");
  await next();
});

/** Reads a JSON body by a schema. Errors: `bad_request` naming each field, `unsupported_media_type`. */
export const validBody = <T extends z.ZodType>(schema: T) =>
  [
    jsonOnly,
    jsonBody,
    zValidator("json", schema, (result) => {
      if (!result.success) throw new ValidationError("body", result.error.issues);
    }),
  ] as const;
