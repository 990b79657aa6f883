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
    network: "bridge",
    endRunsOnStop: false,
  });
});

test("the runners' address is taken apart", () => {
  const base = { LONGSHORE_URL: "https://api.example.com", LONGSHORE_RUNNER_TCP: "172.17.0.1:4747" };
  expect(readConfig(base).runnerTcp).toEqual({ host: "172.17.0.1", port: 4747, name: "172.17.0.1" });
  const named = { ...base, LONGSHORE_RUNNER_TCP_NAME: "host.docker.internal" };
  expect(readConfig(named).runnerTcp?.name).toBe("host.docker.internal");
  expect(() => readConfig({ ...base, LONGSHORE_RUNNER_TCP: "172.17.0.1" })).toThrow(/LONGSHORE_RUNNER_TCP/);
});

test("a wrong variable is named", () => {
  expect(() => readConfig({ LONGSHORE_URL: "x", LONGSHORE_SLOTS: "many" })).toThrow(
    /LONGSHORE_URL[\s\S]*LONGSHORE_SLOTS/,
  );
});
