import { expect, test } from "vitest";
import { takeTurns } from "./take-turns.ts";

/** Calls that note when they begin, and end when the test says so. */
const controlled = (waitMsMax: number) => {
  const inTurn = takeTurns(waitMsMax);
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const call = (key: string, name: string) =>
    inTurn(key, () => {
      begun.push(name);
      return new Promise<string>((resolve, reject) => {
        ends.set(name, (error) => (error ? reject(error) : resolve(name)));
      });
    });
  return { begun, call, end: (name: string, error?: Error) => ends.get(name)?.(error) };
};

test("calls of one key follow each other, those of others do not wait", async () => {
  const { begun, call, end } = controlled(60_000);
  const [first, second, third] = [call("a", "first"), call("a", "second"), call("a", "third")];
  const other = call("b", "other");
  await expect.poll(() => begun).toEqual(["first", "other"]);
  end("other");
  expect(await other).toBe("other");
  end("first");
  expect(await first).toBe("first");
  await expect.poll(() => begun).toEqual(["first", "other", "second"]);
  end("second");
  expect(await second).toBe("second");
  await expect.poll(() => begun.at(-1)).toBe("third");
  end("third");
  expect(await third).toBe("third");
});

test("a call that fails tells its own caller, and the next one goes on", async () => {
  const { begun, call, end } = controlled(60_000);
  const failing = call("a", "failing");
  const next = call("a", "next");
  await expect.poll(() => begun).toEqual(["failing"]);
  end("failing", new Error("no"));
  await expect(failing).rejects.toThrow("no");
  await expect.poll(() => begun).toEqual(["failing", "next"]);
  end("next");
  expect(await next).toBe("next");
});

test("a call that never ends is not waited for longer than was said", async () => {
  const { begun, call, end } = controlled(5);
  void call("a", "stuck");
  const next = call("a", "next");
  await expect.poll(() => begun).toEqual(["stuck", "next"]);
  end("next");
  expect(await next).toBe("next");
});
