/** What every library that implements Standard Schema offers. Source: standardschema.dev, version 1. */
type Standard = { readonly "~standard": { readonly validate: (value: unknown) => unknown } };

/** A schema of any library that is known, or a function that answers the parsed value or throws. */
export type TaskSchema =
  | Standard
  | { parseAsync(value: unknown): Promise<unknown> }
  | { parse(value: unknown): unknown }
  | { validate(value: unknown): unknown }
  | { create(value: unknown): unknown }
  | { assert(value: unknown): unknown }
  | { Decode(value: unknown): unknown }
  | { check(value: unknown): unknown }
  | ((value: unknown) => unknown);

type StandardTypes<TSchema> = TSchema extends { readonly "~standard": { readonly types?: infer TTypes } }
  ? NonNullable<TTypes>
  : never;

/** What a compiled TypeBox type checks for, before what it transforms. */
type CompiledInput<TSchema> = TSchema extends { Check(value: unknown): value is infer T } ? T : unknown;

/** `Decode` of TypeBox 0.34 is generic and says nothing by itself: then what is checked for, transforms left out. */
type CompiledOutput<TSchema, TDecoded> = unknown extends TDecoded ? CompiledInput<TSchema> : TDecoded;

/** What a schema gives: what `run` receives. */
export type SchemaOutput<TSchema> = TSchema extends Standard
  ? StandardTypes<TSchema> extends { readonly output: infer T }
    ? T
    : unknown
  : TSchema extends { _output: infer T }
    ? T
    : TSchema extends { inferIn: unknown; infer: infer T }
      ? T
      : TSchema extends { parse(value: unknown): infer T }
        ? T
        : TSchema extends { validateSync(value: unknown): infer T }
          ? T
          : TSchema extends { create(value: unknown): infer T }
            ? T
            : TSchema extends { assert(value: unknown): asserts value is infer T }
              ? T
              : TSchema extends { Decode(value: unknown): infer T }
                ? CompiledOutput<TSchema, T>
                : TSchema extends { check(value: unknown): infer T }
                  ? T
                  : TSchema extends (value: unknown) => infer T
                    ? Awaited<T>
                    : unknown;

/** What a schema takes: what a trigger sends. */
export type SchemaInput<TSchema> = TSchema extends Standard
  ? StandardTypes<TSchema> extends { readonly input: infer T }
    ? T
    : unknown
  : TSchema extends { _input: infer T }
    ? T
    : TSchema extends { inferIn: infer T; infer: unknown }
      ? T
      : TSchema extends { Decode(value: unknown): unknown; Check(value: unknown): boolean }
        ? CompiledInput<TSchema>
        : SchemaOutput<TSchema>;
