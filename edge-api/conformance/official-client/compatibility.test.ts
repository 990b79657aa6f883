import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as ours from "@longshore/sdk";
import * as theirs from "official-trigger-sdk";
import { expect, test } from "vitest";
import { exportedNames } from "./exported-names.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const page = readFileSync(here("../../../docs/compatibility.md"), "utf8");

const statuses = ["there", "there, with differences", "comes later", "not planned"];
/** What the page says of each export, by its path: `runs.bulk.cancel`. */
const table = new Map(
  [...page.matchAll(/^\| `([\w$.]+)` +\| ([^|]+?) +\|/gm)].map(([, name = "", status = ""]) => [
    name,
    status,
  ]),
);
const saysThere = (path: string): boolean => table.get(path)?.startsWith("there") === true;

const isNoun = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Names of a noun's members; those of a class's instance are on its prototype. */
const membersOf = (noun: Record<string, unknown>): string[] => {
  const prototype = Object.getPrototypeOf(noun) as object | null;
  const inherited =
    prototype === null || prototype === Object.prototype ? [] : Object.getOwnPropertyNames(prototype);
  return [...Object.keys(noun), ...inherited]
    .filter((name) => name !== "constructor" && !name.startsWith("_"))
    .sort();
};

type Pair = { path: string; isOurs: boolean; isSame: boolean };

/** Every export of theirs, or its members where we have that noun too, and whether we have it. */
const pairsOf = (path: string, their: unknown, our: unknown): Pair[] => {
  const members = isNoun(their) && isNoun(our) ? membersOf(their) : [];
  if (members.length === 0) return [{ path, isOurs: our !== undefined, isSame: typeof our === typeof their }];
  return members.flatMap((name) =>
    pairsOf(
      `${path}.${name}`,
      (their as Record<string, unknown>)[name],
      (our as Record<string, unknown>)[name],
    ),
  );
};

const pairs = Object.entries(theirs).flatMap(([name, value]) =>
  pairsOf(name, value, (ours as Record<string, unknown>)[name]),
);

test("the page has a row for every export of the official package, and no other", () => {
  expect(pairs.length).toBeGreaterThan(150);
  const paths = pairs.map(({ path }) => path).sort();
  expect([...table.keys()].sort()).toEqual(paths);
  expect([...table.values()].filter((status) => !statuses.includes(status))).toEqual([]);
});

test("it says of each truly whether it is there", () => {
  const wrong = pairs.filter(({ path, isOurs }) => saysThere(path) !== isOurs);
  expect(wrong.map(({ path, isOurs }) => `${path} is ${isOurs ? "" : "not "}there`)).toEqual([]);
  expect(pairs.filter(({ isOurs, isSame }) => isOurs && !isSame).map(({ path }) => path)).toEqual([]);
});

const namesAfter = (label: string): string[] => {
  const [, list = ""] = new RegExp(`^- ${label}: ([^.]+)\\.$`, "m").exec(page) ?? [];
  return [...list.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
};

test("every type of the official package is listed once, and those that are there are there", () => {
  const package_ = realpathSync(here("./node_modules/official-trigger-sdk"));
  const wanted = exportedNames(`${package_}/dist/esm/v3/index.d.ts`).types;
  const have = exportedNames(here("../../../sdk/src/index.ts")).types;
  expect(wanted.size).toBeGreaterThan(100);
  const listed = ["There", "Comes later", "Not planned"].flatMap(namesAfter).sort();
  expect(listed).toEqual([...wanted].sort());
  expect(namesAfter("There").sort()).toEqual([...wanted].filter((name) => have.has(name)).sort());
});
