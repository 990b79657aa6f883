import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limitLog, logCharsMax } from "./log-limit.ts";
import { createMask, secretsOf } from "./mask-secrets.ts";
import { type OutputLine, readOutput } from "./output-reader.ts";

const secret = "p@ss w/rd+é=123";

describe("secrets in a log", () => {
  const mask = createMask([secret]);
  test.each([
    ["as it is", secret],
    ["URL-encoded", encodeURIComponent(secret)],
    ["URL-encoded in a form", new URLSearchParams({ a: secret }).toString().slice(2)],
    [
      "URL-encoded in small letters",
      encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
    ],
    ["in JSON", JSON.stringify({ secret })],
    ["base64", Buffer.from(secret).toString("base64")],
    ["base64url", Buffer.from(secret).toString("base64url")],
    ["base64 after one character", Buffer.from(`u${secret}`).toString("base64")],
    ["base64 between others", Buffer.from(`user:${secret}@host`).toString("base64")],
    ["hexadecimal", Buffer.from(secret).toString("hex")],
    ["hexadecimal in capitals", Buffer.from(secret).toString("hex").toUpperCase()],
  ])("%s", (_, said) => {
    const masked = mask.text(`before ${said} after`);
    expect(masked).toMatch(/^before .*\*\*\*.* after$/);
    // Of base64 at most the characters stay that other bytes have a part in.
    expect(masked.length).toBeLessThanOrEqual("before *** after".length + 18);
  });

  test("what JSON writes in another way, escaped once and twice", () => {
    const quoted = 'pa"ss\\word\n"end';
    const { text } = createMask([quoted]);
    const once = JSON.stringify({ key: quoted });
    expect(text(once)).toBe('{"key":"***"}');
    expect(text(JSON.stringify({ body: once }))).toBe(JSON.stringify({ body: '{"key":"***"}' }));
  });

  test("base64 of anything around a secret never shows it", () => {
    const around = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 40 }), around, around, (value, before, after) => {
        if (value.trim().length < 8) return;
        const said = Buffer.from(before + value + after).toString("base64");
        expect(createMask([value]).text(said)).toContain("***");
      }),
    );
  });

  test("each line of one that has several, and no short values", () => {
    const key = "-----BEGIN KEY-----\nMIIabcdefgh\nxyzxyzxyz=\n-----END KEY-----";
    const text = createMask([key, "true", "8080"]).text;
    expect(text("MIIabcdefgh")).toBe("***");
    expect(text(key.replaceAll("\n", "\\n"))).toBe("***");
    expect(text("true 8080")).toBe("true 8080");
    expect(createMask([]).text("anything")).toBe("anything");
  });

  test("one that begins like another leaves nothing of its end", () => {
    expect(createMask(["secret-a", "secret-a-longer"]).text("secret-a-longer secret-a")).toBe("*** ***");
  });

  test("in attributes, at any depth", () => {
    const said = { a: [{ token: `Bearer ${secret}` }], [secret]: 1, n: 5, none: null };
    expect(mask.deep(said)).toEqual({ a: [{ token: "Bearer ***" }], "***": 1, n: 5, none: null });
  });

  test("the variables that are secret", () => {
    expect(secretsOf({ A: "1", B: "2" }, ["B", "C"])).toEqual(["2"]);
  });
});

describe("a secret that comes in pieces", () => {
  /** What the reader makes of pieces on stdout. */
  const read = async (pieces: string[]): Promise<string[]> => {
    const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
    const lines: string[] = [];
    const output = readOutput(
      streams,
      "\u0001mark ",
      (line) => lines.push(line.message),
      createMask([secret]),
    );
    for (const piece of pieces) streams.stdout.write(piece);
    for (const stream of Object.values(streams)) stream.end().on("end", () => stream.destroy());
    await output.ended;
    return lines;
  };

  test("written in two halves", async () => {
    expect(await read([`a ${secret.slice(0, 5)}`, `${secret.slice(5)} b\n`])).toEqual(["a *** b"]);
  });

  test("across the place where a long line is cut", async () => {
    const lines = await read([`${"x".repeat(32 * 1024 - 4)}${secret}${"y".repeat(100)}\n`]);
    expect(lines.join("")).toBe(`${"x".repeat(32 * 1024 - 4)}***${"y".repeat(100)}`);
  });

  test("anywhere in a line that does not end", async () => {
    const unit = `${"z".repeat(30 * 1024)}${secret}`;
    const whole = unit.repeat(100);
    const pieces = whole.match(/.{1,60000}/gs) ?? [];
    const said = (await read(pieces)).join("");
    expect(said).toBe(whole.replaceAll(secret, "***"));
  });
});

test("a log that grows too long ends with a line that says so", () => {
  const lines: OutputLine[] = [];
  const say = limitLog((line) => lines.push(line));
  const message = "x".repeat(30_000);
  for (let i = 0; i < 1_000; i++) say({ at: "", level: "log", stream: "stdout", message });
  const chars = lines.reduce((sum, line) => sum + line.message.length, 0);
  expect(chars).toBeLessThan(logCharsMax);
  expect(lines.at(-1)).toMatchObject({ level: "warn", message: expect.stringContaining("ends here") });
  expect(lines.filter((line) => line.level === "warn")).toHaveLength(1);
});
