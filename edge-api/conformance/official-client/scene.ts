import { ApiClient } from "@trigger.dev/core/v3";
import type { Platform } from "../http/platforms.ts";
import type { Hands } from "./hands.ts";
import type { Prove } from "./proof.ts";

/** What the cases of one platform share. */
export type Scene = {
  platform(): Platform;
  hands(): Hands;
  /** Ref of the platform's project. */
  ref(): string;
  prove: Prove;
};

/** The package's own API client, for calls that only run inside a task, with that run's token or any other. */
export const apiClient = (scene: Scene, token?: string): ApiClient =>
  new ApiClient(scene.platform().url, token ?? scene.platform().apiKey);

/** Payload of an async iterable, as a list. */
export const collect = async <T>(items: AsyncIterable<T>, max = 1_000): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) {
    list.push(item);
    if (list.length >= max) break;
  }
  return list;
};

/** The tasks that every deployment of these cases has. */
export const sceneTasks = [
  { id: "hello" },
  { id: "other" },
  { id: "folder/task" },
  { id: "retried", retry: { maxAttempts: 3, minTimeoutInMs: 100, maxTimeoutInMs: 200 } },
  { id: "narrow", queue: { name: "narrow/queue", concurrencyLimit: 2 } },
  { id: "held", queue: { name: "held", concurrencyLimit: 1 } },
  { id: "limited", concurrency: { limits: ["shared-api"] } },
];

/** The named limits of those. */
export const sceneLimits = [{ name: "shared-api", total: 5, perKey: 2 }];
