import { currentHost } from "../host.ts";
import { type Attempt, findAttempt } from "./attempts.ts";

/** The attempt that the caller belongs to; undefined outside a task. */
export const currentAttempt = (): Attempt | undefined => {
  const host = currentHost();
  return host && findAttempt(host.context);
};
