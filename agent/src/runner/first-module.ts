/** A module with nothing in it, beside the executor: to import it gets Node's loader up. */
export const firstModule = "first-module.mjs";
