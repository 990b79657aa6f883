import { currentAttempt } from "./lifecycle/current-attempt.ts";

/** Names a value of an attempt, and carries its type. */
export type LocalsKey<T> = {
  readonly id: string;
  readonly symbol: symbol;
  /** Carries the type only; never set. */
  readonly "~value"?: T;
};

const create = <T>(id: string): LocalsKey<T> => ({ id, symbol: Symbol(id) });

const get = <T>(key: LocalsKey<T>): T | undefined =>
  currentAttempt()?.locals.get(key.symbol) as T | undefined;

const getOrThrow = <T>(key: LocalsKey<T>): T => {
  const attempt = currentAttempt();
  if (attempt?.locals.has(key.symbol)) return attempt.locals.get(key.symbol) as T;
  throw new Error(
    attempt
      ? `locals: "${key.id}" is not set in this attempt; set it in middleware: locals.set(key, value)`
      : `locals: "${key.id}" can be read only while a task runs`,
  );
};

const set = <T>(key: LocalsKey<T>, value: T): T => {
  const attempt = currentAttempt();
  if (!attempt) {
    throw new Error(`locals: "${key.id}" can be set only while a task runs: in middleware, a hook, or run`);
  }
  attempt.locals.set(key.symbol, value);
  return value;
};

/** Values that one attempt shares between its middleware, hooks and code, and that no other attempt sees. */
export const locals = { create, get, getOrThrow, set };
