/** A number and what it counts, as English has it: `1 variable`, `2 variables`. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
