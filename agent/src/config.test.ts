import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("the environment fills the configuration, with defaults for the rest", () => {
  const config = readConfig({
    LONGSHORE_URL: "https://api.example.com",
    LONGSHORE_AGENT_DATA: "/data",
    LONGSHORE_SLOTS: "7",
    LONGSHORE_NETWORK: "",
  });
  expect(config).toMatchObject({
    url: "https://api.example.com",
    dataDir: "/data",
    hostDataDir: "/data",
    slots: 7,
    runtime: "auto",
    network: "filtered",
    endRunsOnStop: false,
  });
});

test("what runs may be given is told in CPUs and MiB, or left to be found", () => {
  const base = { LONGSHORE_URL: "https://api.example.com" };
  expect(readConfig({ ...base, LONGSHORE_CPUS: "1.5", LONGSHORE_MEMORY_MB: "2048" })).toMatchObject({
    ...{ cpus: 1.5, memoryMb: 2_048 },
  });
  expect(readConfig(base).cpus).toBeUndefined();
  expect(() => readConfig({ ...base, LONGSHORE_CPUS: "0" })).toThrow(/LONGSHORE_CPUS/);
  expect(() => readConfig({ ...base, LONGSHORE_MEMORY_MB: "100" })).toThrow(/LONGSHORE_MEMORY_MB/);
});

test("the runners' address is taken apart", () => {
  const base = {
    LONGSHORE_URL: "https://api.example.com",
    LONGSHORE_RUNNER_TCP: "172.17.0.1:4747",
    LONGSHORE_NETWORK: "bridge",
  };
  expect(readConfig(base).runnerTcp).toEqual({ host: "172.17.0.1", port: 4747, name: "172.17.0.1" });
  const named = { ...base, LONGSHORE_RUNNER_TCP_NAME: "host.docker.internal" };
  expect(readConfig(named).runnerTcp?.name).toBe("host.docker.internal");
  expect(() => readConfig({ ...base, LONGSHORE_RUNNER_TCP: "172.17.0.1" })).toThrow(/LONGSHORE_RUNNER_TCP/);
});

test("an address that the containers' network does not let through is refused", () => {
  const base = { LONGSHORE_URL: "https://api.example.com", LONGSHORE_RUNNER_TCP: "172.17.0.1:4747" };
  expect(() => readConfig(base)).toThrow(/LONGSHORE_EGRESS_ALLOW/);
  expect(() => readConfig({ ...base, LONGSHORE_NETWORK: "none" })).toThrow(/LONGSHORE_NETWORK/);
  const listed = { ...base, LONGSHORE_EGRESS_ALLOW: "172.17.0.1/32" };
  expect(readConfig(listed).runnerTcp?.port).toBe(4747);
});

test("how long runs go on unheard is told in seconds, and a runner waits for its agent at least as long", () => {
  const base = { LONGSHORE_URL: "https://api.example.com" };
  expect(readConfig({ ...base, LONGSHORE_SILENT_SECONDS: "3600" })).toMatchObject({
    ...{ silentMs: 3_600_000, orphanGraceMs: 3_600_000 },
  });
  expect(readConfig(base)).toMatchObject({ orphanGraceMs: 600_000 });
  expect(readConfig(base).silentMs).toBeUndefined();
  expect(() => readConfig({ ...base, LONGSHORE_SILENT_SECONDS: "29" })).toThrow(/LONGSHORE_SILENT_SECONDS/);
});

test("a wrong variable is named", () => {
  expect(() => readConfig({ LONGSHORE_URL: "x", LONGSHORE_SLOTS: "many" })).toThrow(
    /LONGSHORE_URL[\s\S]*LONGSHORE_SLOTS/,
  );
});
