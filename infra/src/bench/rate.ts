import { performance } from "node:perf_hooks";

/** Calls `width` at a time until `seconds` are over. Shape: how many were made in a second. */
export const ratePerS = async (
  seconds: number,
  width: number,
  call: () => Promise<unknown>,
): Promise<number> => {
  const startMs = performance.now();
  let made = 0;
  const worker = async () => {
    for (; performance.now() < startMs + seconds * 1_000; made++) await call();
  };
  await Promise.all(Array.from({ length: width }, worker));
  return made / ((performance.now() - startMs) / 1_000);
};
