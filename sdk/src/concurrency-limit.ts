import { registerLimit } from "./catalog.ts";

/** How many runs may execute at once: `total` in all, `perKey` for each concurrency key. */
export type ConcurrencyBounds = { perKey?: number; total?: number };

/** A limit that several tasks share. A run needs room in every limit that it passes. */
export type ConcurrencyLimit = ConcurrencyBounds & { name: string };

const name = /^[A-Za-z0-9_-]{1,122}$/;

/** Errors: TypeError that names the bound, and what it should be. */
export const checkBounds = (owner: string, { perKey, total }: ConcurrencyBounds): void => {
  if (perKey === undefined && total === undefined) {
    throw new TypeError(`${owner} bounds nothing: give it total, perKey, or both`);
  }
  for (const [field, value] of Object.entries({ perKey, total })) {
    if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= 100_000)) continue;
    throw new TypeError(`${owner}: ${field} is ${value}; it must be a whole number from 1 to 100000`);
  }
};

/**
 * Declares a limit that tasks name in `concurrency`: `task({ concurrency: [{ total: 5 }, myLimit], … })`.
 *
 * Errors: TypeError for a name that is no name, or bounds that are none.
 */
export const concurrencyLimit = (options: ConcurrencyLimit): ConcurrencyLimit => {
  if (typeof options?.name !== "string" || !name.test(options.name)) {
    throw new TypeError(
      `concurrencyLimit: the name ${JSON.stringify(options?.name)} must be 1 to 122 letters, digits, - or _`,
    );
  }
  checkBounds(`concurrencyLimit "${options.name}"`, options);
  const { perKey, total } = options;
  const limit: ConcurrencyLimit = {
    name: options.name,
    ...(perKey === undefined ? {} : { perKey }),
    ...(total === undefined ? {} : { total }),
  };
  registerLimit(limit);
  return limit;
};
