import type { Client } from "@longshore/sdk";
import { installHost, type TaskHost } from "@longshore/sdk/host";
import type { Platform } from "../http/platforms.ts";
import type { Hands } from "../official-client/hands.ts";

/** What the cases share. */
export type Scene = {
  platform(): Platform;
  hands(): Hands;
  /** Ref of the platform's project. */
  ref(): string;
  /** An isolated client of the same environment, for what happens beside a task. */
  client(): Client;
};

/**
 * Runs `work` as the code of a run would run: its calls go out with the run's own token, its waits are opened and
 * answered by the API through an agent. The run completes with what `work` answers.
 */
export const asTask = async <T>(scene: Scene, runId: string, work: () => Promise<T>): Promise<T> => {
  let lease = await scene.hands().start(runId);
  const host: TaskHost = {
    context: lease.context,
    signal: new AbortController().signal,
    waitInProcessMs: 5_000,
    log: () => undefined,
    request: (path, init) =>
      fetch(`${scene.platform().url}${path}`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${lease.runToken}` },
      }),
    wait: async (specs) => {
      const [said] = await scene.hands().wait(lease, specs);
      if (said?.result === "ready") return said.waits ?? [];
      lease = await scene.hands().take(runId);
      return lease.waits;
    },
  };
  installHost(host);
  try {
    const result = await work();
    await scene.hands().complete(lease, "done");
    return result;
  } finally {
    installHost(undefined);
  }
};

/** The runs that `work` triggers with this tag, once there are so many; oldest first. */
export const runsWithTag = async (scene: Scene, tag: string, count: number): Promise<string[]> => {
  for (let tries = 0; tries < 200; tries++) {
    const { data } = await scene.client().runs.list({ tag, limit: 100 });
    if (data.length >= count) return data.map(({ id }) => id).sort();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${count} runs with the tag ${tag} did not come`);
};

/** Every item of an iterable, at most so many. */
export const collect = async <T>(items: AsyncIterable<T>, max = 200): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) {
    list.push(item);
    if (list.length >= max) break;
  }
  return list;
};
