import { z } from "zod";

/** A number that a column of 32 bits holds. */
export const Count = z.int().min(0).max(2_147_483_647);

/** A time that a database can hold: ISO 8601 in UTC, from the year 1. */
export const WireTime = z.iso
  .datetime()
  .refine((text) => !text.startsWith("0000"), "the year 0 does not exist");

/** Text that a database can hold as it is: no NUL, no half of a surrogate pair. */
export const StorableText = z
  .string()
  .regex(
    /^(?:[^\0\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff])*$/,
    "holds a character that cannot be stored",
  );

/** A tag. Half of a surrogate pair, as cutting a text leaves it, is no reason to refuse a run: it is kept as U+FFFD. */
export const TagText = z
  .string()
  .min(1)
  .max(128)
  .refine((tag) => !tag.includes("\0"), "must not hold a NUL character");

/** The last millisecond that every part writes with a year of four digits. */
const epochMsMax = 253_402_300_799_999;

/** A moment as a number. Units: Unix milliseconds. */
export const EpochMs = z.coerce.number().int().min(0).max(epochMsMax);
