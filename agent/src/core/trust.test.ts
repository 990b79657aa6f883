import { generateKeyPairSync, sign } from "node:crypto";
import type { SignedStatement } from "@longshore/shared/contract/signatures";
import { describe, expect, test } from "vitest";
import { whyUntrusted } from "./trust.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const key = publicKey.export({ format: "jwk" }).x as string;
const bundleHash = "a".repeat(64);
const statement: SignedStatement = {
  purpose: "longshore deployment 1",
  project: "p",
  bundleHash,
  entry: "index.mjs",
  tasks: ["a", "b"],
  sdkVersion: "1",
  envNames: null,
};
const signed = (text: string) => ({
  key,
  statement: text,
  signature: sign(null, Buffer.from(text), privateKey).toString("base64url"),
});
const lease = (over: object = {}, said: object = statement) => ({
  task: "a",
  env: { A: "1" },
  deployment: {
    id: "d",
    version: "20260101.1",
    bundleHash,
    entry: "index.mjs",
    signature: signed(JSON.stringify(said)),
    ...over,
  },
});

describe("an agent with a pinned key", () => {
  test("executes what was signed, and without a key anything", () => {
    expect(whyUntrusted(lease(), [key])).toBeNull();
    expect(whyUntrusted(lease({ signature: null }), [])).toBeNull();
  });

  const other = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }).x as string;
  const good = signed(JSON.stringify(statement));
  test.each([
    ["no signature", lease({ signature: undefined }), "is not signed"],
    ["another key", lease({ signature: { ...good, key: other } }), "does not trust"],
    ["another code", lease({ bundleHash: "b".repeat(64) }), "other code"],
    ["another entry", lease({ entry: "other.mjs" }), "other code"],
    ["an image that was not signed", lease({ image: "other:1" }), "another image"],
    ["no image in place of the signed one", lease({}, { ...statement, image: "own:1" }), "another image"],
    ["another task", { ...lease(), task: "c" }, 'the task "c"'],
    [
      "a changed statement",
      lease({ signature: { ...good, statement: good.statement.replace('"b"', '"c"') } }),
      "not valid",
    ],
    [
      "no signature at all in its place",
      lease({ signature: { ...good, signature: "A".repeat(86) } }),
      "not valid",
    ],
    ["a statement of another kind", lease({}, { ...statement, purpose: "x" }), "cannot be read"],
    ["a variable that loads code", { ...lease(), env: { NODE_OPTIONS: "--import data:," } }, "NODE_OPTIONS"],
    ["a library to load", { ...lease(), env: { LD_PRELOAD: "/x" } }, "LD_PRELOAD"],
    ["a variable beside the list", { ...lease({}, { ...statement, envNames: ["B"] }) }, "variable A"],
  ])("refuses %s", (_, given, why) => {
    expect(whyUntrusted(given, [key])).toContain(why);
  });

  test("a variable that loads code is allowed by name", () => {
    const named = lease({}, { ...statement, envNames: ["NODE_OPTIONS"] });
    expect(whyUntrusted({ ...named, env: { NODE_OPTIONS: "--trace-warnings" } }, [key])).toBeNull();
  });
});
