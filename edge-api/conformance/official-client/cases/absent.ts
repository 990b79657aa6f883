import { prompts, query, sessions, webhooks } from "official-trigger-sdk";
import { expect } from "vitest";
import { sentSince } from "../requests.ts";
import { apiClient, type Scene } from "../scene.ts";
import { apiMethods } from "../surface.ts";

/** Section 4.11: what there is not yet. The client's own retries stand, and none is made. */
export const absentCases = (scene: Scene): void => {
  scene.prove(["calls answered 404 at once"], "one request each, and no retry", async () => {
    const api = apiClient(scene);
    const session = { type: "chat.agent", taskIdentifier: "hello", triggerConfig: { basePayload: {} } };
    const absent: Record<string, () => Promise<unknown>> = {
      "prompts.list": async () => prompts.list(),
      "prompts.versions": async () => prompts.versions("p"),
      "prompts.resolve": async () => prompts.resolve("p", {}),
      "prompts.promote": async () => prompts.promote("p", 1),
      "query.execute": async () => query.execute("select 1"),
      "query.dashboards.list": async () => query.dashboards.list(),
      "query.dashboards.retrieve": async () => query.dashboards.retrieve("d"),
      "query.dashboards.del": async () => query.dashboards.del("d"),
      "sessions.start": async () => sessions.start(session),
      "sessions.retrieve": async () => sessions.retrieve("s"),
      "sessions.update": async () => sessions.update("s", { tags: [] }),
      "sessions.close": async () => sessions.close("s"),
      "sessions.list": async () => sessions.list(),
      "webhooks.waiter.cancel": async () => webhooks.waiter.cancel("w"),
    };
    const methods = api as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const [name, reason] of Object.entries(apiMethods))
      if (reason === "section 4.11") absent[`apiClient.${name}`] = async () => methods[name]?.("x", {}, {});
    for (const [name, ask] of Object.entries(absent)) {
      const since = sentSince();
      const ended = await ask().then(
        () => "answered",
        (error: { status?: number; message: string }) =>
          error.status ?? Number(/: (404) /.exec(error.message)?.[1]),
      );
      expect([name, ended, since().map(({ status }) => status)]).toEqual([name, 404, [404]]);
    }
  });
};
