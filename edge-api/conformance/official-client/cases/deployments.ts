import { deployments } from "official-trigger-sdk";
import { expect } from "vitest";
import { deploy } from "../../http/client.ts";
import { collect, type Scene, sceneLimits, sceneTasks } from "../scene.ts";

/** Section 4.10. */
export const deploymentCases = ({ prove, platform }: Scene): void => {
  prove(["deployments.list", "deployments.retrieveCurrent"], "by pages, and the current one", async () => {
    const old = await deploy(platform(), sceneTasks, { limits: sceneLimits });
    const current = await deploy(platform(), sceneTasks, { limits: sceneLimits });
    const first = await deployments.list({ limit: 1, status: "DEPLOYED", period: "1d" });
    expect(first.data.map(({ version }) => version)).toEqual([current.version]);
    const all = await collect(deployments.list({ limit: 1 }));
    expect(all.map(({ version }) => version)).toEqual(expect.arrayContaining([old.version, current.version]));
    const seen = await deployments.retrieveCurrent();
    expect(seen).toMatchObject({ id: current.id, version: current.version, status: "DEPLOYED" });
    expect(seen.deployedAt).toBeInstanceOf(Date);
    const from = new Date(Date.now() - 60_000).toISOString();
    const to = new Date(Date.now() + 60_000).toISOString();
    expect((await deployments.list({ from, to, limit: 1 })).data).toHaveLength(1);
    expect((await deployments.list({ status: "FAILED" })).data).toEqual([]);
  });
};
