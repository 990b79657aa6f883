import { expect, test } from "vitest";
import { readNodeConfig } from "./node-config.ts";

const secret = "0".repeat(64);

test.each([
  ["PORT", { PORT: "99999" }],
  ["DATABASE_URL", { DATABASE_URL: "mysql://x", LONGSHORE_SECRET: secret }],
  ["LONGSHORE_SECRET", { DATABASE_URL: "postgres://u@h/d" }],
  ["LONGSHORE_SECRET", { LONGSHORE_SECRET: "short" }],
  ["REDIS_URL", { REDIS_URL: "http://x" }],
  ["LONGSHORE_MIGRATE", { LONGSHORE_MIGRATE: "yes" }],
  ["LONGSHORE_DATABASE_CONNECTIONS", { LONGSHORE_DATABASE_CONNECTIONS: "0" }],
  ["LONGSHORE_CONCURRENCY", { LONGSHORE_CONCURRENCY: "many" }],
  ["LONGSHORE_PUBLIC_URL", { LONGSHORE_PUBLIC_URL: "example" }],
])("a wrong %s is named, with what it should be", (name, env) => {
  expect(() => readNodeConfig(env)).toThrow(new RegExp(`^${name} .*(should|is missing)`));
});

test("an empty environment is the embedded server, for this machine only", () => {
  expect(readNodeConfig({})).toMatchObject({
    host: "127.0.0.1",
    databaseUrl: null,
    redisUrl: null,
    migrates: true,
  });
});

test("a server with a database listens for everyone and migrates when it is told to", () => {
  const config = readNodeConfig({
    DATABASE_URL: "postgres://u@h/d",
    LONGSHORE_SECRET: secret,
    REDIS_URL: "",
  });
  expect(config).toMatchObject({ host: "0.0.0.0", migrates: false, redisUrl: null });
  expect(Object.isFrozen(config)).toBe(true);
});
