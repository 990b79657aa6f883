import { ambientApi, type ClientConfig, currentConfig, hostOfCall } from "./configure.ts";
import { environmentVariable } from "./environment-variable.ts";
import { currentHost, type TaskHost } from "./host.ts";
import type { Api } from "./http/api.ts";
import type { RequestOptions } from "./http/request-options.ts";
import { ambientDeploymentId } from "./skew-protection.ts";

/** What a run inherits from the one that triggers it. */
export type Parent = { parentRunId?: string; test?: boolean };

/** Which version a run takes when its trigger does not say. */
export type Pin = { version?: string | undefined; externalDeploymentId?: string | undefined };

/** Where triggers go, and what they add by themselves. `override` is what one call says of its own target. */
export type TriggerScope = {
  api(override?: ClientConfig): Api;
  parent(override?: ClientConfig): Parent;
  pin(override?: ClientConfig): Pin;
};

/** How one trigger is sent. */
export type TriggerRequestOptions = RequestOptions & {
  /** The handle's token: how long it lives. Not inside a task. Unix seconds, a duration such as "1h", or a date. */
  publicAccessToken?: { expirationTime?: number | string | Date } | undefined;
  /** Sends this call elsewhere. */
  clientConfig?: ClientConfig | undefined;
};

/** What a run passes on to those it triggers. */
export const parentOf = (host: TaskHost | undefined): Parent =>
  host ? { parentRunId: host.context.run.id, ...(host.context.run.isTest ? { test: true } : {}) } : {};

/** The task that runs here and its API, or else what is configured. */
export const ambientScope: TriggerScope = {
  api: ambientApi,
  parent: (override) => parentOf(hostOfCall(override)),
  pin: (override) => {
    const { externalDeploymentId } = currentConfig(override);
    return {
      version: environmentVariable("LONGSHORE_VERSION", "TRIGGER_VERSION"),
      externalDeploymentId:
        externalDeploymentId === null ? undefined : (externalDeploymentId ?? ambientDeploymentId()),
    };
  },
};

/** The task that waits. Errors: throws outside a task, naming the call. */
export const requireHost = (call: string): TaskHost => {
  const host = currentHost();
  if (!host) {
    throw new Error(
      `${call} can only be used from inside a task.run(): elsewhere trigger the run and follow it with runs.poll`,
    );
  }
  return host;
};
