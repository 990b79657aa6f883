import { agentProtocolVersion } from "@longshore/shared/contract/agent-protocol";
import { PersonalTokenList } from "@longshore/shared/contract/credentials";
import { call, deploy, FakeAgent, trigger } from "../http/client.ts";
import type { Platform } from "../http/platforms.ts";
import { createKey, createPersonal, signIn } from "../http/wrong-credentials.ts";
import type { Ground } from "./fuzz-request.ts";

const tasks = [
  { id: "hello" },
  { id: "other", concurrency: { inline: { perKey: 2 }, limits: ["db"] } },
  { id: "folder/task", queue: { name: "a/b", concurrencyLimit: 3 } },
];

const idOf = ({ status, text, json }: { status: number; text: string; json: unknown }): string => {
  if (status >= 300) throw new Error(`the ground could not be laid: ${status} ${text}`);
  return (json as { id: string }).id;
};

/** A person may have only so many tokens, and the requests make some too. */
const revokePersonals = async (p: Platform, cookie: string): Promise<void> => {
  const headers = { cookie };
  const { json } = await call(p, "GET", "/api/v1/session/tokens", { headers });
  for (const { id, status } of PersonalTokenList.parse(json).data) {
    if (status === "active") await call(p, "DELETE", `/api/v1/session/tokens/${id}`, { headers });
  }
};

/** Headers for each kind of security. They do not last for ever: an agent's token is short-lived, a session may be ended. */
const credentials = async (p: Platform, agent: FakeAgent): Promise<Ground["headersFor"]> => {
  const { cookie } = await signIn(p);
  await revokePersonals(p, cookie);
  const { key } = await createKey(p);
  const personal = await createPersonal(p, cookie);
  return {
    bearer: [["authorization", `Bearer ${key}`]],
    personal: [["authorization", `Bearer ${personal.token}`]],
    agent: [
      ["authorization", `Bearer ${await agent.sign()}`],
      ["x-longshore-protocol", String(agentProtocolVersion)],
    ],
    session: [["cookie", cookie]],
  };
};

/** Makes one of everything that a path can name, and credentials; `renew` makes the credentials again. */
export const layGround = async (p: Platform): Promise<Ground & { renew(): Promise<void> }> => {
  const deployed = await deploy(p, tasks, { limits: [{ name: "db", perKey: 4, total: 8 }] });
  const agent = await FakeAgent.enrol(p, "fuzz");
  const disposable = await FakeAgent.enrol(p, "disposable");
  const post = async (path: string, json: object) =>
    idOf(await call(p, "POST", path, { token: p.apiKey, json }));
  const done = await agent.execute("hello");
  await agent.complete(done);
  const runs = [
    done.runId,
    await trigger(p, "hello"),
    await trigger(p, "other", { delay: "1h", tags: ["t"] }),
  ];
  const batch = await post("/api/v3/batches", { runCount: 50 });
  const token = await post("/api/v1/waitpoints/tokens", { timeout: "1h" });
  const schedule = await post("/api/v1/schedules", {
    task: "hello",
    cron: "0 9 * * *",
    deduplicationKey: "fuzz",
  });
  const bulk = await post("/api/v1/bulk-actions", { action: "replay", runIds: [done.runId] });
  const { session } = await signIn(p);
  const ground: Ground = {
    headersFor: await credentials(p, agent),
    ids: {
      ...{ runId: runs, batchId: [batch], tokenId: [token], scheduleId: [schedule], bulkActionId: [bulk] },
      ...{
        taskId: ["hello", "other", "folder/task"],
        queue: ["hello", "a%2Fb", "a/b"],
        name: ["db", "NAME_1"],
      },
      ...{
        deploymentId: [deployed.id],
        hash: [deployed.bundleHash],
        agentId: [disposable.id],
        key: ["k1", "k2"],
      },
      ...{ keyId: [(await createKey(p)).id], environmentId: [p.environmentId], kind: ["payload", "output"] },
      ...{
        projectRef: [session.environments[0]?.projectRef ?? ""],
        slug: ["dev", "stg"],
        path: ["a.json"],
        spanId: ["0123456789abcdef"],
      },
    },
  };
  const renew = async () => void Object.assign(ground.headersFor, await credentials(p, agent));
  return { ...ground, renew };
};
