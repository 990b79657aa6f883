import { Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { type } from "arktype";
import * as runtypes from "runtypes";
import * as superstruct from "superstruct";
import * as valibot from "valibot";
import { expect, test } from "vitest";
import * as yup from "yup";
import { z } from "zod";
import { z as z3 } from "zod/v3";
import { TaskPayloadParsedError } from "./errors.ts";
import { payloadParser } from "./payload-parser.ts";
import { payloadSchemaOf } from "./payload-schema.ts";

const email = /^.+@.+$/;
const byHand = (value: unknown) => {
  const { name, age = 18 } = (value ?? {}) as { name?: unknown; age?: number };
  if (typeof name !== "string") throw new TypeError("name must be a string");
  return { name, age };
};

/** The same record in each library: a name, and an age that defaults to 18 where the library has defaults. */
const schemas: [string, unknown][] = [
  ["zod 4", z.object({ name: z.string(), age: z.number().default(18) })],
  ["zod 3", z3.object({ name: z3.string(), age: z3.number().default(18) })],
  ["valibot", valibot.object({ name: valibot.string(), age: valibot.optional(valibot.number(), 18) })],
  ["arktype", type({ name: "string", age: "number = 18" })],
  ["yup", yup.object({ name: yup.string().strict().required(), age: yup.number().default(18) })],
  [
    "superstruct",
    superstruct.object({ name: superstruct.string(), age: superstruct.defaulted(superstruct.number(), 18) }),
  ],
  ["a function", byHand],
  ["an async function", async (value: unknown) => byHand(value)],
  [
    "zod 4 without Standard Schema",
    { parseAsync: z.object({ name: z.string(), age: z.number().default(18) }).parseAsync },
  ],
  [
    "yup without Standard Schema",
    bare(yup.object({ name: yup.string().strict().required(), age: yup.number().default(18) }), "validate"),
  ],
];

/** The library's own method alone, as versions before Standard Schema have it. */
function bare<T extends object>(schema: T, method: keyof T) {
  const own = schema[method] as (value: unknown) => unknown;
  return { [method]: (value: unknown) => own.call(schema, value) };
}

test.each(schemas)("%s parses, fills defaults in, and names what is wrong", async (_name, schema) => {
  const parse = payloadParser("greet", schema);
  expect(await parse({ name: "Ada" })).toEqual({ name: "Ada", age: 18 });
  const error = await parse({ name: 5 }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TaskPayloadParsedError);
  expect(String(error)).toContain('The payload does not match the schema of task "greet"');
  expect(String(error)).toContain("name");
});

const plain: [string, unknown][] = [
  ["TypeBox", TypeCompiler.Compile(Type.Object({ name: Type.String() }))],
  ["runtypes", runtypes.Object({ name: runtypes.String })],
  ["runtypes before Standard Schema", bare(runtypes.Object({ name: runtypes.String }), "check")],
  ["guards", { guard: (value: unknown) => typeof (value as { name?: unknown } | null)?.name === "string" }],
  ["assertions", { assert: (value: unknown) => void byHand(value) }],
];

test.each(plain)("%s checks", async (_name, schema) => {
  const parse = payloadParser("greet", schema);
  expect(await parse({ name: "Ada" })).toEqual({ name: "Ada" });
  await expect(parse({ name: 5 })).rejects.toBeInstanceOf(TaskPayloadParsedError);
});

test("several issues are one line, each with its path", async () => {
  const parse = payloadParser("mail", z.object({ to: z.array(z.string().regex(email)), n: z.number() }));
  const error = await parse({ to: ["a@b", "no"], n: "1" }).catch((thrown: unknown) => thrown);
  expect(String(error)).toMatch(/to\.1: .+; n: /);
  expect(String(error)).not.toContain("\n");
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["a number", 5],
  ["an object of no library", {}],
  ["a TypeBox type that is not compiled", Type.Object({})],
  ["a raw Effect schema", Object.assign(() => {}, { ast: {} })],
])("%s is refused when the task is defined", (_name, schema) => {
  expect(() => payloadParser("odd", schema)).toThrow('task "odd": the schema is of no known kind');
});

test("libraries describe their schemas", () => {
  const expected = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
  for (const schema of [
    z.object({ name: z.string() }),
    type({ name: "string" }),
    TypeCompiler.Compile(Type.Object({ name: Type.String() })),
  ]) {
    expect(payloadSchemaOf(schema)).toMatchObject(expected);
  }
});

test("what JSON Schema cannot say is left open, and a library without description has none", () => {
  expect(payloadSchemaOf(z.object({ when: z.date(), text: z.string().transform(Number) }))).toMatchObject({
    properties: { when: {}, text: { type: "string" } },
  });
  expect(payloadSchemaOf(type({ when: "Date" }))).toMatchObject({ type: "object" });
  expect(payloadSchemaOf(superstruct.object({}))).toBeUndefined();
  expect(payloadSchemaOf(byHand)).toBeUndefined();
});
