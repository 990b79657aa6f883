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

test("a wrong variable is named", () => {
  expect(() => readConfig({ LONGSHORE_URL: "x", LONGSHORE_SLOTS: "many" })).toThrow(
    /LONGSHORE_URL[\s\S]*LONGSHORE_SLOTS/,
  );
});
