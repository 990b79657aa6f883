import type { Dice } from "./dice.ts";

/** Texts that parsers, databases and paths stumble over. */
export const oddTexts: readonly string[] = [
  ...[
    "",
    " ",
    "/",
    "a/b",
    "..",
    "../../etc/passwd",
    "%2F",
    "%00",
    "a\u0000b",
    "\ud800",
    "x\udfff",
    "\ufeff",
    "\u202e",
  ],
  ...[
    "ünïcødé",
    "名前",
    "👩‍👩‍👧",
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "null",
    "undefined",
    "NaN",
  ],
  ...["'; drop table runs; --", '"', "\\", "$1", "{{x}}", "<script>", "\r\nx-evil: 1", "a".repeat(300)],
  ...["a".repeat(5_000), "é".repeat(2_100), "0", "-1", "1e400", "9007199254740993", "[]", "{}", "{", "true"],
  ...[
    "0000-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "+275760-09-13T00:00:00.000Z",
    "-271821-04-20T00:00:00Z",
  ],
  ...[
    "1970-01-01T00:00:00Z",
    "2024-02-30T00:00:00Z",
    "2024-01-01T25:00:00Z",
    "2024-01-01",
    "yesterday",
    "+999999-01-01",
  ],
  ...[
    "* * * *",
    "60 * * * *",
    "* * * * * *",
    "@daily",
    "0 0 31 2 *",
    "*/0 * * * *",
    "1-0 * * * *",
    "*,".repeat(200),
  ],
  ...["Mars/Olympus", "Etc/GMT+15", "utc", "Europe/berlin", "+25:00"],
  ...["10x", "-5m", "1h-1m", "99999999999d", "0s", "1.5h", "PT1H", "∞"],
  ...[
    "run_x",
    "run_00000000000000000000000000",
    "batch_1",
    "waitpoint_1",
    "sched_x",
    "queue_x",
    "tr_dev_sk_x",
  ],
];

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

/** JSON that names what objects inherit; parsed, so that the names are members. */
const polluting = [
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"isAdmin":true}}}',
  '{"a":{"__proto__":1,"toString":2,"hasOwnProperty":3}}',
].map((text): unknown => JSON.parse(text));

const oddNumbers = [
  ...[
    -1,
    0,
    1.5,
    -0,
    1e308,
    -1e308,
    2 ** 31,
    2 ** 31 - 1,
    2 ** 53,
    2 ** 63,
    1e-300,
    1e21,
    101,
    1_001,
    100_001,
  ],
];

/** A value that no field, or hardly one, asks for. */
export const oddValue = (dice: Dice): unknown => {
  switch (dice.below(8)) {
    case 0:
    case 1:
    case 2:
      return dice.pick(oddTexts);
    case 3:
      return dice.pick(oddNumbers);
    case 4:
      return dice.pick([null, true, false, [], {}, [null], [[]], { "": "" }, [{}], ["a", 1]]);
    case 5:
      return dice.pick(polluting);
    case 6:
      return dice.once(6) ? deep(dice.pick([70, 700])) : deep(dice.pick([5, 30]));
    default:
      return dice.once(4)
        ? Array.from({ length: dice.pick([11, 1_001]) }, (_, nth) => dice.pick([`t${nth}`, nth, {}]))
        : Object.fromEntries(oddTexts.slice(0, 20).map((text) => [text, text]));
  }
};

/** Where values stand in a body: every member and item, as a path. */
const placesIn = (value: unknown, path: (string | number)[] = []): (string | number)[][] => {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Array.isArray(value) ? value.map((item, nth) => [nth, item] as const) : Object.entries(value);
  return [path, ...inner.flatMap(([name, item]) => placesIn(item, [...path, name]))];
};

const replaceAt = (
  value: unknown,
  path: readonly (string | number)[],
  change: (at: unknown) => unknown,
): unknown => {
  const [name, ...rest] = path;
  if (name === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((item, nth) => (nth === name ? replaceAt(item, rest, change) : item));
  const members = Object.entries(value as object);
  return Object.fromEntries(
    members.map(([key, item]) => [key, key === name ? replaceAt(item, rest, change) : item]),
  );
};

const addMember = (dice: Dice, at: unknown): unknown =>
  typeof at === "object" && at !== null && !Array.isArray(at)
    ? Object.fromEntries([
        ...Object.entries(at),
        [dice.pick(["__proto__", "constructor", "extra", "a/b", ""]), oddValue(dice)],
      ])
    : oddValue(dice);

/** The same body with something wrong at one place, wherever that is. */
export const spoil = (dice: Dice, body: unknown): unknown => {
  const path = dice.pick(placesIn(body));
  return replaceAt(body, path, (at) => {
    switch (dice.below(6)) {
      case 0:
        return undefined;
      case 1:
        return addMember(dice, at);
      case 2:
        return [at];
      default:
        return oddValue(dice);
    }
  });
};
