/**
 * Remembers answers for a short while, bounded in number. Nulls are not kept, and neither are questions on their way: a
 * promise must not be shared between requests on runtimes that tie I/O to one.
 */
export class ShortCache<T> {
  /** Counts what was forgotten: what was asked for before may be what is to be forgotten. */
  private forgotten = 0;
  private readonly entries = new Map<string, { value: T; untilMs: number }>();

  constructor(
    /** How long an answer is kept, or how long that one is. */
    private readonly ttlMs: number | ((value: T) => number),
    private readonly entriesMax: number,
  ) {}

  async get(key: string, load: () => Promise<T | null>): Promise<T | null> {
    const known = this.entries.get(key);
    if (known !== undefined && known.untilMs > performance.now()) return known.value;
    const before = this.forgotten;
    const value = await load();
    this.entries.delete(key);
    if (value === null || before !== this.forgotten) return value;
    const ttlMs = typeof this.ttlMs === "number" ? this.ttlMs : this.ttlMs(value);
    this.entries.set(key, { value, untilMs: performance.now() + ttlMs });
    if (this.entries.size > this.entriesMax) this.dropOldest();
    return value;
  }

  delete(key: string): void {
    this.forgotten++;
    this.entries.delete(key);
  }

  /** Forgets every entry whose key begins so. Cost: a look at each entry. */
  deletePrefix(prefix: string): void {
    this.forgotten++;
    for (const key of this.entries.keys()) if (key.startsWith(prefix)) this.entries.delete(key);
  }

  private dropOldest(): void {
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }
}
