import { expect, test } from "vitest";
import { poolGeneration } from "./pool-generation.ts";

const made = { runtime: "docker", runnerDir: "/data/runner/0123", address: null };
const config = { runnerImage: undefined, containerRuntime: undefined, network: "filtered", egressAllow: [] };

test("a container's generation names the Docker network that it is in, whatever the setting is called", () => {
  const filtered = poolGeneration(config, made);
  expect(filtered.split(" ")).toContain("longshore-egress");
  expect(filtered.split(" ")).not.toContain("filtered");
  expect(poolGeneration({ ...config, network: "longshore-egress" }, made)).toBe(filtered);
  const others = [
    { ...config, network: "none" },
    { ...config, egressAllow: ["10.1.0.0/16"] },
  ].map((other) => poolGeneration(other, made));
  expect(new Set([filtered, ...others]).size).toBe(3);
});
