/** The same record with the named fields as `Date`. */
export type WithDates<T, Field extends string> = T extends unknown
  ? { [Key in keyof T]: Key extends Field ? Date | Exclude<T[Key], string> : T[Key] }
  : never;

/** Reads the wire's ISO 8601 texts in these fields as dates; what is not there stays away. */
export const withDates = <T extends object, Field extends string>(
  wire: T,
  fields: readonly Field[],
): WithDates<T, Field> => {
  const record: Record<string, unknown> = Object.fromEntries(Object.entries(wire));
  for (const field of fields) {
    const value = record[field];
    if (typeof value === "string") record[field] = new Date(value);
  }
  return record as WithDates<T, Field>;
};
