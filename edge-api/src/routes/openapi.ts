import { WireError } from "@longshore/shared/contract/wire-error";
import { errorStatus } from "@longshore/shared/core/error-codes";
import { z } from "zod";
import type { RouteSpec } from "./specs/spec.ts";
import { routeSpecs } from "./specs.ts";

const json = (schema: z.ZodType, io: "input" | "output") => ({
  "application/json": {
    schema: z.toJSONSchema(schema, { io, unrepresentable: "any", target: "draft-2020-12" }),
  },
});

const security: Record<RouteSpec["auth"], object[]> = {
  none: [],
  key: [{ bearer: [] }],
  environment: [{ bearer: [] }, { personal: [] }],
  project: [{ bearer: [] }, { personal: [] }],
  person: [{ personal: [] }],
  agent: [{ agent: [] }],
  session: [{ session: [] }],
};

const pathParameters = (path: string) =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));

const queryParameters = (query: z.ZodType | undefined) => {
  if (!(query instanceof z.ZodObject)) return [];
  return Object.entries(query.shape).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: z.toJSONSchema(schema as z.ZodType, { io: "input", unrepresentable: "any" }),
  }));
};

const operation = (name: string, spec: RouteSpec) => ({
  operationId: name,
  summary: spec.summary,
  security: security[spec.auth],
  ...(spec.scope === undefined
    ? {}
    : { description: `Needs the scope \`${spec.scope}\` unless the key is unrestricted.` }),
  parameters: [...pathParameters(spec.path), ...queryParameters(spec.query)],
  ...(spec.body === undefined
    ? {}
    : { requestBody: { required: spec.hasOptionalBody !== true, content: json(spec.body, "input") } }),
  responses: {
    "200": {
      description: "Done",
      ...(spec.response === undefined ? {} : { content: json(spec.response, "output") }),
    },
    default: {
      description: `An error: one of ${[...new Set(Object.values(errorStatus))].join(", ")}`,
      content: json(WireError, "output"),
    },
  },
});

/** The OpenAPI 3.1 document of this API, made from the same schemas that its routes check. */
export const openApiDocument = (): object => {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, spec] of Object.entries<RouteSpec>(routeSpecs)) {
    const path = spec.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [spec.method]: operation(name, spec) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Longshore", version: "0.1.0", license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "A secret key (tr_<env>_sk_…), a public token or a run's token.",
        },
        personal: {
          type: "http",
          scheme: "bearer",
          description: "A personal access token (tr_pat_…) of a member of the project's organization.",
        },
        agent: {
          type: "http",
          scheme: "bearer",
          description: "A token that an enrolled agent signs with its Ed25519 key.",
        },
        session: { type: "apiKey", in: "cookie", name: "longshore_session" },
      },
    },
  };
};
