import { isTaskPayloadParsedError, TaskPayloadParsedError } from "./task-errors.ts";

type Parse = (value: unknown) => unknown;
type Issue = { message: string; path?: readonly unknown[] | undefined };
type Members = Record<string, unknown>;

const pathText = (path: readonly unknown[] = []): string =>
  path.map((segment) => String((segment as { key?: unknown } | null)?.key ?? segment)).join(".");

const issuesText = (issues: readonly Issue[]): string =>
  issues
    .slice(0, 5)
    .map(({ message, path }) => (path && path.length > 0 ? `${pathText(path)}: ${message}` : message))
    .join("; ") + (issues.length > 5 ? `; and ${issues.length - 5} more` : "");

/** What a library's own error says, in one line. */
const reasonOf = (thrown: unknown): string => {
  if (typeof thrown !== "object" || thrown === null) return String(thrown);
  const { issues, errors, message } = thrown as { issues?: Issue[]; errors?: unknown[]; message?: unknown };
  if (Array.isArray(issues) && issues.length > 0) return issuesText(issues);
  if (Array.isArray(errors) && errors.every((one) => typeof one === "string") && errors.length > 1) {
    return errors.join("; ");
  }
  return String(message ?? thrown);
};

class SchemaIssues extends Error {
  constructor(readonly issues: readonly Issue[]) {
    super(issuesText(issues));
  }
}

const standard =
  (validate: Parse): Parse =>
  async (value) => {
    const result = (await validate(value)) as { value?: unknown; issues?: readonly Issue[] | undefined };
    if (result.issues) throw new SchemaIssues(result.issues);
    return result.value;
  };

type TypeBoxError = { path?: string; instancePath?: string; message: string };

/** A compiled TypeBox type. */
const typeBox =
  (schema: Members & { Check: Parse; Errors?: Parse }): Parse =>
  (value) => {
    if (!schema.Check(value)) {
      const errors = [...((schema.Errors?.(value) ?? []) as Iterable<TypeBoxError>)];
      throw new SchemaIssues(
        errors.map(({ path, instancePath, message }) => {
          const place = (path ?? instancePath ?? "").split("/").filter(Boolean);
          return { message, path: place };
        }),
      );
    }
    return typeof schema.Decode === "function" ? (schema.Decode as Parse)(value) : value;
  };

/** `assert` of some libraries answers the value, of others nothing. */
const asserting =
  (schema: Members): Parse =>
  (value) => {
    const answer = (schema.assert as Parse)(value);
    return answer === undefined ? value : answer;
  };

const guarding =
  (schema: Members): Parse =>
  (value) => {
    if (!(schema.guard as Parse)(value)) throw new Error("it is not what the schema describes");
    return value;
  };

const isFunction = (value: unknown): value is Parse => typeof value === "function";

const unknownSchema = (taskId: string): TypeError =>
  new TypeError(
    `task "${taskId}": the schema is of no known kind. It may be one of zod, valibot, arktype, yup, superstruct, runtypes, ` +
      "a compiled TypeBox type (TypeCompiler.Compile(type)), an Effect schema through Schema.toStandardSchemaV1(schema) (standardSchemaV1 in Effect 3), " +
      "anything that implements Standard Schema, or a function that returns the value or throws.",
  );

/**
 * How a schema of any known library parses: Standard Schema first, then by the method that the library has.
 * Errors: TypeError for what is no schema.
 */
const parserOf = (taskId: string, schema: unknown): Parse => {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null)
    throw unknownSchema(taskId);
  const members = schema as Members;
  const own = members["~standard"] as { validate?: unknown } | undefined;
  if (isFunction(own?.validate)) return standard(own.validate);
  const method = (name: string): Parse | undefined => {
    const found = members[name];
    return isFunction(found) ? (value) => found.call(schema, value) : undefined;
  };
  const named =
    method("parseAsync") ?? (isFunction(schema) && method("assert") ? asserting(members) : undefined);
  if (named) return named;
  // A raw Effect schema is a function too, one that makes no sense of a payload.
  if (isFunction(schema) && !("ast" in schema)) return schema;
  if (isFunction(members.Check)) return typeBox(members as Members & { Check: Parse });
  // superstruct also has a `validate`, which answers its errors; `create` throws them and fills defaults in.
  const parser = method("parse") ?? method("create") ?? method("validate");
  if (parser) return parser;
  if (method("assert")) return asserting(members);
  const checker = method("check");
  if (checker) return checker;
  if (method("guard")) return guarding(members);
  throw unknownSchema(taskId);
};

/**
 * Makes the function that parses payloads of a task.
 *
 * Shape: it answers what `run` receives. Errors: TypeError now for what is no schema; the function rejects with
 * TaskPayloadParsedError.
 */
export const payloadParser = (taskId: string, schema: unknown): ((payload: unknown) => Promise<unknown>) => {
  const parse = parserOf(taskId, schema);
  return async (payload) => {
    try {
      return await parse(payload);
    } catch (error) {
      if (isTaskPayloadParsedError(error)) throw error;
      throw new TaskPayloadParsedError(taskId, reasonOf(error), { cause: error });
    }
  };
};
