/** What makes no request: declarations and hooks of the code itself, and `configure`. */
const isLocal = (name: string): boolean =>
  /^(tasks\.(on[A-Z]\w*|catchError|handleError|middleware|init|cleanup)|schedules\.task|auth\.configure)$/.test(
    name,
  );

/** Which functions of the SDK were called and answered. */
export class Calls {
  private readonly answered = new Set<string>();
  private readonly known = new Set<string>();

  /** The same nouns, noting every call that is answered. */
  watch<T extends Record<string, object>>(nouns: T): T {
    return Object.fromEntries(
      Object.entries(nouns).map(([name, noun]) => [name, this.watchNoun(noun, name)]),
    ) as T;
  }

  unanswered(): string[] {
    return [...this.known].filter((name) => !this.answered.has(name)).sort();
  }

  private watchNoun(noun: object, path: string): object {
    return Object.fromEntries(
      Object.entries(noun).map(([key, member]: [string, unknown]) => {
        const name = `${path}.${key}`;
        if (typeof member === "function") return [key, this.watchFunction(member, name)];
        return [key, typeof member === "object" && member !== null ? this.watchNoun(member, name) : member];
      }),
    );
  }

  private watchFunction(call: unknown, name: string): unknown {
    if (isLocal(name)) return call;
    this.known.add(name);
    return (...args: unknown[]) => {
      const answer = (call as (...args: unknown[]) => unknown)(...args);
      Promise.resolve(answer).then(
        () => this.answered.add(name),
        () => undefined,
      );
      return answer;
    };
  }
}
