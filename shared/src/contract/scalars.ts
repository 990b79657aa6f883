import { z } from "zod";

/** A number that a column of 32 bits holds. */
export const Count = z.int().min(0).max(2_147_483_647);

/** A time that a database can hold: ISO 8601 in UTC, from the year 1. */
export const WireTime = z.iso
  .datetime()
  .refine((text) => !text.startsWith("0000"), "the year 0 does not exist");
