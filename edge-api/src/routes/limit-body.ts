import { AppError } from "@longshore/shared/core/error-codes";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";

/** For a body over its limit. Units: bytes. */
const tooLarge = (bytesMax: number) => (): never => {
  throw new AppError("payload_too_large", `The request body is over the limit of ${bytesMax} bytes.`);
};

/**
 * Refuses a body over its limit. One whose length is announced is refused or let through by that alone: counting it
 * as it arrives costs more than the rest of a small request. Units: bytes.
 */
export const limitBody = (bytesMax: number) => {
  const counted = bodyLimit({ maxSize: bytesMax, onError: tooLarge(bytesMax) });
  return createMiddleware(async (c, next) => {
    const announced = c.req.header("content-length");
    if (announced === undefined || c.req.header("transfer-encoding") !== undefined) return counted(c, next);
    if (Number(announced) > bytesMax) tooLarge(bytesMax)();
    return next();
  });
};

/** Largest body of routes that anyone may call. Units: bytes. */
const smallBytesMax = 16 * 1024;

/** For routes that read their body before they know the caller. */
export const smallBody = limitBody(smallBytesMax);
