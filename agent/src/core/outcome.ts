/**
 * How a call to a peer ended. Only the supervisor of a loop sleeps or exits; nobody throws for these.
 * `rejected`: the peer will never accept this very request; `cut`: the caller gave it up. `isTooLarge`: something on the
 * way takes no request of this size. `isForGood`: nor will it accept any of another start.
 */
export type Outcome<T> =
  | { kind: "ok"; value: T }
  | { kind: "retry"; afterMs: number | null; reason: string; isTooLarge?: boolean }
  | { kind: "rejected"; status: number; reason: string }
  | { kind: "fatal"; reason: string; isForGood?: true }
  | { kind: "cut" };
