const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Merges calls that arrive while earlier ones are on their way into one call of `run`: the first goes out at once, those
 * that come meanwhile share the next statement. That one is sent before those of the last hear their results: what they do with
 * them would keep it waiting. For runtimes that have turns of an event loop.
 *
 * Shape: `run` answers one result for each item, in order. Errors: what `run` throws reaches each caller of that group,
 * unless `isItemFault` says that a single item is to blame: then each item goes alone, and only the bad one fails.
 */
export const groupCommit = <Item, Result>(
  run: (items: Item[]) => Promise<Result[]>,
  limits: { itemsMax: number; flightsMax: number; isItemFault?: (error: unknown) => boolean },
): ((item: Item) => Promise<Result>) => {
  type Waiting = { item: Item; resolve(result: Result): void; reject(error: unknown): void };
  const waiting: Waiting[] = [];
  let flights = 0;

  const flyAlone = async (group: readonly Waiting[]): Promise<void> => {
    for (const member of group) {
      try {
        const [result] = await run([member.item]);
        if (result === undefined) throw new Error("a statement answered no result");
        member.resolve(result);
      } catch (error) {
        member.reject(error);
      }
    }
  };

  const tell = (group: readonly Waiting[], results: readonly Result[]): void =>
    group.forEach((member, index) => {
      const result = results[index];
      if (result === undefined) member.reject(new Error("a grouped statement answered too few results"));
      else member.resolve(result);
    });

  const fly = async (): Promise<void> => {
    const group = waiting.splice(0, limits.itemsMax);
    flights++;
    let isLanded = false;
    const land = (): boolean => {
      if (isLanded) return false;
      isLanded = true;
      flights--;
      if (waiting.length === 0) return false;
      void fly();
      return true;
    };
    try {
      const results = await run(group.map((member) => member.item));
      // A driver sends at the end of this turn, and the callers' work would come before that.
      if (land()) await nextTurn();
      tell(group, results);
    } catch (error) {
      if (group.length > 1 && limits.isItemFault?.(error)) await flyAlone(group);
      else for (const member of group) member.reject(error);
    } finally {
      land();
    }
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (flights < limits.flightsMax) void fly();
    });
};
