/**
 * Merges calls that arrive while earlier ones are on their way into one call of `run`: the first goes out at once, those
 * that come meanwhile share the next statement.
 *
 * Shape: `run` answers one result for each item, in order. Errors: what `run` throws reaches each caller of that group.
 */
export const groupCommit = <Item, Result>(
  run: (items: Item[]) => Promise<Result[]>,
  limits: { itemsMax: number; flightsMax: number },
): ((item: Item) => Promise<Result>) => {
  type Waiting = { item: Item; resolve(result: Result): void; reject(error: unknown): void };
  const waiting: Waiting[] = [];
  let flights = 0;

  const fly = async (): Promise<void> => {
    const group = waiting.splice(0, limits.itemsMax);
    flights++;
    try {
      const results = await run(group.map((member) => member.item));
      group.forEach((member, index) => {
        const result = results[index];
        if (result === undefined) member.reject(new Error("a grouped statement answered too few results"));
        else member.resolve(result);
      });
    } catch (error) {
      for (const member of group) member.reject(error);
    } finally {
      flights--;
      if (waiting.length > 0) void fly();
    }
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (flights < limits.flightsMax) void fly();
    });
};
