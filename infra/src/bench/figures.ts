/** One measured figure; printed as one JSON line. */
export type Figure = { name: string } & Record<string, unknown>;

const round = (value: number): number => Math.round(value * 100) / 100;

const at = (sorted: readonly number[], share: number): number =>
  round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);

/** Percentiles of samples. Units: milliseconds. */
export const percentiles = (
  samplesMs: readonly number[],
): { p50Ms: number; p95Ms: number; p99Ms: number; n: number } => {
  const sorted = [...samplesMs].sort((a, b) => a - b);
  return { p50Ms: at(sorted, 0.5), p95Ms: at(sorted, 0.95), p99Ms: at(sorted, 0.99), n: sorted.length };
};

export const printFigure = (figure: Figure): void => console.log(JSON.stringify(figure));

/** Two decimals. */
export const rounded = round;

/** The middle of some samples. */
export const median = (samples: readonly number[]): number =>
  at(
    [...samples].sort((a, b) => a - b),
    0.5,
  );
