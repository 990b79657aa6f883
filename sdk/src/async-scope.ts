/** A value that holds for one asynchronous piece of work and everything it calls. */
export type AsyncScope<T> = {
  run<R>(value: T, work: () => Promise<R>): Promise<R>;
  current(): T | undefined;
};

type Storage<T> = { run<R>(value: T, work: () => R): R; getStore(): T | undefined };
type WithBuiltins = {
  process?: { getBuiltinModule?: (name: string) => { AsyncLocalStorage?: new <T>() => Storage<T> } };
};

/** Asked for by name at run time: an import of it would keep the SDK out of browsers. */
const openStorage = <T>(): Storage<T> | undefined => {
  const builtins = (globalThis as WithBuiltins).process?.getBuiltinModule?.("node:async_hooks");
  return builtins?.AsyncLocalStorage ? new builtins.AsyncLocalStorage<T>() : undefined;
};

/** For runtimes that cannot follow asynchronous work: one piece at a time, so that none sees another's value. */
const openSingle = <T>(onOverlap: () => Error): AsyncScope<T> => {
  let held: { value: T } | undefined;
  return {
    current: () => held?.value,
    run: async (value, work) => {
      if (held) throw onOverlap();
      held = { value };
      try {
        return await work();
      } finally {
        held = undefined;
      }
    },
  };
};

/**
 * Opens a scope. Errors: in a runtime without AsyncLocalStorage (a browser), a second piece of work beside the first is
 * refused with `onOverlap()`.
 */
export const createAsyncScope = <T>(onOverlap: () => Error): AsyncScope<T> => {
  let opened: AsyncScope<T> | undefined;
  const open = (): AsyncScope<T> => {
    const storage = openStorage<T>();
    if (!storage) return openSingle(onOverlap);
    return { current: () => storage.getStore(), run: (value, work) => storage.run(value, work) };
  };
  return {
    // Nothing is in force before the first `run`, so that a program without scopes never pays for one.
    current: () => opened?.current(),
    run: (value, work) => {
      opened ??= open();
      return opened.run(value, work);
    },
  };
};
