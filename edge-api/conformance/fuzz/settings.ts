/** How many requests are sent: all in CI, fewer while working, or as `LONGSHORE_FUZZ_REQUESTS` says. */
export const requestsOf = (whole: number, quick: number): number =>
  Number(process.env.LONGSHORE_FUZZ_REQUESTS ?? (process.env.LONGSHORE_REQUIRE_ALL === "1" ? whole : quick));

/** Nothing is refused for coming too fast: what is behind that is to be reached. */
export const unlimited = { LONGSHORE_RATE_LIMIT: "0", LONGSHORE_PUBLIC_RATE_LIMIT: "0" };
