import { expect, test } from "vitest";
import { type Line, readItemEnds, readLines } from "./batch-lines.ts";

const streamOf = (bytes: Uint8Array, pieceBytes: number): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += pieceBytes)
        controller.enqueue(bytes.slice(at, at + pieceBytes));
      controller.close();
    },
  });

const linesOf = async (text: string, pieceBytes: number, lineBytesMax: number): Promise<Line[]> => {
  const lines: Line[] = [];
  for await (const line of readLines(streamOf(new TextEncoder().encode(text), pieceBytes), lineBytesMax))
    lines.push(line);
  return lines;
};

const big = "ä".repeat(100_000);
const item = { index: 7, task: "a" };
// What a payload says of an index and a task is none of its line's.
const like = { index: 1, task: "no", text: '"index":2,"task":"no"}\\', list: [{ index: 3 }, '"'] };

test.each([
  ["first", { ...item, payload: { like, big } }],
  ["last", { payload: { like, big, again: like }, ...item }],
  ["on both ends", { index: 7, payload: { big, like }, task: "a" }],
  [
    "before and behind other options",
    { payload: big, options: { tags: ["}", '\\"'], metadata: like }, ...item },
  ],
  ["behind what is too long, before something else", { payload: [big], ...item, options: like }],
])("an index and task that stand %s of a line that is too long are found", async (_where, value) => {
  const text = `${JSON.stringify({ ...item, index: 0 })}\n${JSON.stringify(value)} \n{}\n`;
  for (const pieceBytes of [1_000, 65_536, 10_000_000]) {
    const [first, long, last] = await linesOf(text, pieceBytes, 150_000);
    expect(first).toMatchObject({ number: 1, text: JSON.stringify({ ...item, index: 0 }) });
    expect(long).toMatchObject({ number: 2, head: expect.any(String), tail: expect.any(String) });
    expect(last).toEqual({ number: 3, text: "{}", bytes: 2 });
    if (long !== undefined && "head" in long) expect(readItemEnds(long)).toEqual(item);
  }
});

test.each([
  ["in the middle", `{"a":"${big}","index":7,"task":"a","b":"${big}"}`],
  ["nowhere but in what it holds", `{"payload":{"a":"${big}","index":7,"task":"a"}}`],
  ["in a text that is cut off", `{"payload":"${big}","index":7,"task":"a"`],
])("what stands %s is not guessed", async (_where, text) => {
  const [long] = await linesOf(text, 65_536, 150_000);
  expect(long !== undefined && "head" in long && readItemEnds(long)).toEqual({ index: null, task: null });
});
