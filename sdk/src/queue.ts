/** Where runs wait for a slot. `concurrencyLimit` bounds how many of its runs execute at once. */
export type Queue = { name: string; concurrencyLimit?: number };

/** Declares a queue that several tasks may share: `task({ queue: myQueue, … })`. */
export const queue = (options: Queue): Queue => options;
