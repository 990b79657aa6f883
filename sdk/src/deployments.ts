import type { Deployment as DeploymentOnWire } from "@longshore/shared/contract/deployments";
import { ambientApi } from "./configure.ts";
import type { Api } from "./http/api.ts";
import { listPages, type PagePromise } from "./http/pages.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { type WithDates, withDates } from "./wire-dates.ts";

/** A version of the code. New runs take the one that is current. */
export type Deployment = WithDates<DeploymentOnWire, "createdAt" | "deployedAt">;

/** Which deployments, newest first. Units: `limit` per page, at most 100; `period` a duration such as "7d". */
export type ListDeploymentsQuery = {
  status?: DeploymentOnWire["status"];
  period?: string;
  from?: Date | string;
  to?: Date | string;
  limit?: number;
  after?: string;
};

const deploymentSchema = recordDecoder<DeploymentOnWire>("a deployment", [
  "id",
  "version",
  "status",
  "createdAt",
]);
const read = (wire: unknown): Deployment =>
  withDates(deploymentSchema.parse(wire), ["createdAt", "deployedAt"]);
const readSchema = { parse: read };

const timeText = (value: Date | string | undefined) => (value instanceof Date ? value.toISOString() : value);
const pathOf = (idOrVersion: string, rest = ""): string =>
  `/api/v1/deployments/${encodeURIComponent(idOrVersion)}${rest}`;

/** The deployments of an environment. Those that change one need a key that may: a run may not. */
export type DeploymentsClient = {
  list(query?: ListDeploymentsQuery, requestOptions?: RequestOptions): PagePromise<Deployment>;
  /** By id or version. */
  retrieve(idOrVersion: string, requestOptions?: RequestOptions): Promise<Deployment>;
  /** The one that new runs take. Errors: NotFoundError before the first. */
  retrieveCurrent(requestOptions?: RequestOptions): Promise<Deployment>;
  /** Lets new runs take it. */
  promote(id: string, requestOptions?: RequestOptions): Promise<Deployment>;
  /** Back to the one before the current, or to a version. `from`: only if that is current. */
  rollback(
    options?: { version?: string; from?: string },
    requestOptions?: RequestOptions,
  ): Promise<Deployment>;
};

/** Binds the noun to an API. */
export const deploymentsOf = (api: () => Api): DeploymentsClient => ({
  list: ({ limit, after, from, to, ...query } = {}, options) =>
    listPages(
      api(),
      "/api/v1/deployments",
      { ...query, from: timeText(from), to: timeText(to), "page[size]": limit, "page[after]": after },
      read,
      options,
    ),
  retrieve: async (idOrVersion, options) =>
    api().request(readSchema, "GET", pathOf(idOrVersion), callParts(options)),
  retrieveCurrent: async (options) => api().request(readSchema, "GET", pathOf("current"), callParts(options)),
  promote: async (id, options) =>
    api().request(readSchema, "POST", pathOf(id, "/promote"), callParts(options)),
  rollback: async (body = {}, options) =>
    api().request(readSchema, "POST", pathOf("rollback"), { ...callParts(options), body }),
});

/** The deployments of the configured environment; inside a task, of the task's own. */
export const deployments = deploymentsOf(ambientApi);
