import { WireError } from "@longshore/shared/contract/wire-error";
import { errorStatus } from "@longshore/shared/core/error-codes";
import { z } from "zod";
import type { JsonSchema } from "./reference/json-schema.ts";
import type { RouteSpec } from "./specs/spec.ts";
import { routeSpecs } from "./specs.ts";

type Content = { "application/json": { schema: JsonSchema } };

/** One route of the document. */
export type OpenApiOperation = {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security: object[];
  "x-scope"?: string;
  "x-denies"?: readonly string[];
  parameters: { name: string; in: string; required: boolean; schema: JsonSchema }[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { description: string; content?: Content }>;
};
export type OpenApiDocument = {
  openapi: string;
  info: { title: string; version: string; license: object };
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: object;
};

const json = (schema: z.ZodType, io: "input" | "output"): Content => ({
  "application/json": {
    schema: z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
      target: "draft-2020-12",
    }) as JsonSchema,
  },
});

/** Rooms whose names their addresses do not tell. */
const roomNames: Record<string, string> = {
  "api-keys": "API keys",
  auth: "Public tokens",
  envvars: "Environment variables",
  branches: "Branches",
  session: "Sessions",
  "sign-in-requests": "Sessions",
  whoami: "People and projects",
  projects: "People and projects",
  environments: "People and projects",
  "dev-sessions": "People and projects",
  environment: "People and projects",
};

/** Routes are grouped by the noun in their address, so that a new one finds its place by itself. */
const roomOf = (path: string): string => {
  if (path.startsWith("/agent/")) return "Agent protocol";
  const noun = /^\/api\/v\d+\/(?:projects\/:\w+\/)?([\w-]+)/.exec(path)?.[1];
  if (noun === undefined) return "The API itself";
  return roomNames[noun] ?? `${noun.charAt(0).toUpperCase()}${noun.slice(1).replace(/-/g, " ")}`;
};

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
  [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" } as JsonSchema,
  }));

const queryParameters = (query: z.ZodType | undefined) => {
  if (!(query instanceof z.ZodObject)) return [];
  return Object.entries(query.shape).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: z.toJSONSchema(schema as z.ZodType, { io: "input", unrepresentable: "any" }) as JsonSchema,
  }));
};

const operation = (name: string, spec: RouteSpec): OpenApiOperation => ({
  operationId: name,
  summary: spec.summary,
  tags: [roomOf(spec.path)],
  security: security[spec.auth],
  ...(spec.scope === undefined
    ? {}
    : {
        description: `Needs the scope \`${spec.scope}\` unless the key is unrestricted.`,
        "x-scope": spec.scope,
      }),
  ...(spec.denies === undefined ? {} : { "x-denies": spec.denies }),
  parameters: [...pathParameters(spec.path), ...queryParameters(spec.query)],
  ...(spec.body === undefined
    ? {}
    : { requestBody: { required: spec.hasOptionalBody !== true, content: json(spec.body, "input") } }),
  responses: {
    [String(spec.status ?? 200)]: {
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
export const openApiDocument = (): OpenApiDocument => {
  const paths: OpenApiDocument["paths"] = {};
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
