import { z } from "zod";
import type { Schema } from "./schema-value.ts";

const SchemaLike = z.custom<Schema>((value) => typeof value === "object");
const Parameter = z.object({ name: z.string(), in: z.enum(["path", "query"]), schema: SchemaLike });
const OperationItem = z.object({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.unknown())),
  parameters: z.array(Parameter),
  requestBody: z
    .object({ content: z.object({ "application/json": z.object({ schema: SchemaLike }) }) })
    .optional(),
});
const Document = z.object({ paths: z.record(z.string(), z.record(z.string(), OperationItem)) });

/** One operation of the OpenAPI document. */
export type Operation = z.infer<typeof OperationItem> & { method: string; path: string };

/** Reads the operations out of the document that the server answers. */
export const operationsOf = (document: unknown): Operation[] =>
  Object.entries(Document.parse(document).paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  );
