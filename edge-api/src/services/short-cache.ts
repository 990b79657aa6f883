/** Remembers answers for a short while, bounded in number; concurrent askers share one question. Nulls are not kept. */
export class ShortCache<T> {
  private readonly entries = new Map<string, { value: Promise<T | null>; untilMs: number }>();

  constructor(
    private readonly ttlMs: number,
    private readonly entriesMax: number,
  ) {}

  get(key: string, load: () => Promise<T | null>): Promise<T | null> {
    const nowMs = performance.now();
    const known = this.entries.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.value;
    const value = load();
    this.entries.delete(key);
    this.entries.set(key, { value, untilMs: nowMs + this.ttlMs });
    const forget = () => {
      if (this.entries.get(key)?.value === value) this.entries.delete(key);
    };
    value.then((found) => found === null && forget(), forget);
    if (this.entries.size > this.entriesMax) this.dropOldest();
    return value;
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  private dropOldest(): void {
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }
}
