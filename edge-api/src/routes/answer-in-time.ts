import { AppError } from "@longshore/shared/core/error-codes";
import { createMiddleware } from "hono/factory";

/** Longer than any statement should take. Units: milliseconds. */
const answerMsMax = 60_000;

/** A body that is read as it comes may take its time. */
const isStreamed = (headers: Headers): boolean =>
  (headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > 0) &&
  !/^application\/json\b/i.test(headers.get("content-type") ?? "");

/** Answers 503 when a request hangs: a caller can then try again, which every move of this API bears. */
export const answerInTime = createMiddleware(async (c, next) => {
  if (isStreamed(c.req.raw.headers)) return next();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AppError("unavailable", "The request took too long; try again.")),
      answerMsMax,
    );
  });
  try {
    await Promise.race([next(), late]);
  } finally {
    clearTimeout(timer);
  }
});
