import { InvalidArgumentError } from "commander";

/** Reads an option that is a whole number of at least 0. Errors: bad usage. */
export const parseCount = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("it must be a whole number");
  return Number(text);
};
