import { AppError } from "@longshore/shared/core/error-codes";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./context.ts";

const reads: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * What a cookie opens is changed by our own pages alone: the cookie goes with requests of every page of the same site,
 * which a page under another name of the domain is. Browsers say where a request comes from; programs do not.
 *
 * Errors: `forbidden`. Source: Fetch Metadata, `Sec-Fetch-Site`.
 */
export const refuseOtherPages = createMiddleware<AppEnv>(async (c, next) => {
  const site = c.req.header("sec-fetch-site");
  const isOurs = site === undefined || site === "same-origin" || site === "none";
  if (!isOurs && !reads.has(c.req.method))
    throw new AppError("forbidden", "Another site's page asked for this.");
  await next();
});
