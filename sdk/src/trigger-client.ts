import { type Client, createClient } from "./client.ts";
import { addressOf, type ClientConfig, credentialOf } from "./configure.ts";

/** Where it goes. Address and key are taken from the environment when they are left out. */
export type TriggerClientConfig = ClientConfig & {
  /** Inside a task, runs that it triggers belong to the task's run: for a client of the same environment. */
  inheritContext?: boolean | undefined;
};

/** An isolated client under the name that the reference system gives it; `createClient` makes the same. */
export class TriggerClient {
  readonly tasks: Client["tasks"];
  readonly runs: Client["runs"];
  readonly batch: Client["batch"];
  readonly schedules: Client["schedules"];
  readonly envvars: Client["envvars"];
  readonly queues: Client["queues"];
  readonly concurrencyLimits: Client["concurrencyLimits"];
  readonly deployments: Client["deployments"];
  readonly idempotencyKeys: Client["idempotencyKeys"];
  readonly auth: Client["auth"];

  /** Errors: throws when it is told neither where to go nor with which key. */
  constructor(config: TriggerClientConfig = {}) {
    const client = createClient({
      baseURL: addressOf(config),
      accessToken: credentialOf(config),
      ...(config.previewBranch ? { previewBranch: config.previewBranch } : {}),
      ...(config.externalDeploymentId ? { externalDeploymentId: config.externalDeploymentId } : {}),
      ...(config.requestOptions?.retry ? { retry: config.requestOptions.retry } : {}),
      ...(config.requestOptions?.additionalHeaders
        ? { additionalHeaders: config.requestOptions.additionalHeaders }
        : {}),
      ...(config.inheritContext ? { inheritContext: true } : {}),
    });
    this.tasks = client.tasks;
    this.runs = client.runs;
    this.batch = client.batch;
    this.schedules = client.schedules;
    this.envvars = client.envvars;
    this.queues = client.queues;
    this.concurrencyLimits = client.concurrencyLimits;
    this.deployments = client.deployments;
    this.idempotencyKeys = client.idempotencyKeys;
    this.auth = client.auth;
  }
}
