import { defineTask, type ErasedOptions } from "./define-task.ts";
import { payloadParser } from "./payload-parser.ts";
import { payloadSchemaOf } from "./payload-schema.ts";
import type { SchemaInput, SchemaOutput, TaskSchema } from "./schema-types.ts";
import { type Task, taskHandle } from "./task-handle.ts";
import type { CommonTaskOptions } from "./task-options.ts";

/** A task whose payload a schema checks: triggers send its input, `run` and the hooks receive its output. */
export type SchemaTaskOptions<
  TId extends string,
  TSchema extends TaskSchema,
  TOutput,
  TInit = unknown,
  THookOutput = TOutput,
> = CommonTaskOptions<TId, SchemaOutput<TSchema>, TOutput, TInit, SchemaOutput<TSchema>, THookOutput> & {
  schema: TSchema;
};

/**
 * Defines a task with a schema. A payload that it refuses is not sent by a trigger from code, and fails the run without
 * another attempt when it came another way.
 *
 * Errors: as `task`; TypeError for a schema of no known kind.
 */
export const schemaTask = <
  TId extends string,
  const TSchema extends TaskSchema,
  TOutput = unknown,
  TInit = unknown,
  THookOutput = TOutput,
>(
  options: SchemaTaskOptions<TId, TSchema, TOutput, TInit, THookOutput>,
): Task<TId, SchemaInput<TSchema>, TOutput> => {
  const { id, schema, description } = options;
  const parse = payloadParser(id, schema);
  defineTask(options as unknown as ErasedOptions, {
    options: ["schema"],
    parse,
    describePayload: () => payloadSchemaOf(schema),
  });
  return taskHandle<TId, SchemaInput<TSchema>, TOutput>(id, {
    description,
    // What the schema makes of it is for the run: it parses once, from what was sent.
    parsePayload: async (payload) => {
      await parse(payload);
      return payload;
    },
  });
};
