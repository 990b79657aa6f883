import { expect, test } from "vitest";
import { PythonError, python } from "./python.ts";

const hasPython = await python.run(["--version"]).then(
  () => true,
  () => false,
);

test.skipIf(!hasPython)(
  "what Python writes is answered; another code than 0 is an error with its last line",
  async () => {
    expect(await python.runInline("print(6 * 7)")).toEqual({ stdout: "42\n", stderr: "", exitCode: 0 });
    const failed = await python
      .runInline("raise ValueError('no such number')")
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(PythonError);
    expect((failed as PythonError).message).toBe("Python ended with code 1: ValueError: no such number");
    const pieces: string[] = [];
    for await (const piece of python.stream.runInline("print('a'); print('b')")) pieces.push(piece);
    expect(pieces.join("")).toBe("a\nb\n");
  },
);

test("an interpreter that is not there is said", async () => {
  process.env.PYTHON_BIN_PATH = "/nowhere/python";
  try {
    await expect(python.runInline("1")).rejects.toThrow(
      "/nowhere/python is not there: deploy with pythonExtension",
    );
  } finally {
    delete process.env.PYTHON_BIN_PATH;
  }
});
