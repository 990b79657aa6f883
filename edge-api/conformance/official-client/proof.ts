import { expect, test } from "vitest";
import { type CallName, callOf, clientCalls } from "./calls.ts";
import { cameBy, sentSince } from "./requests.ts";

/** What became of each call on each platform. A call with a failed proof has failed, whatever else passed. */
export class Book {
  private readonly proved = new Map<string, boolean>();
  private readonly columns: string[] = [];

  open(column: string): void {
    this.columns.push(column);
  }

  note(column: string, name: CallName, isProved: boolean): void {
    const key = `${column}\n${name}`;
    this.proved.set(key, isProved && this.proved.get(key) !== false);
  }

  /** Calls without a proof, or with a failed one. */
  unproved(column: string): CallName[] {
    return clientCalls
      .map(({ name }) => name)
      .filter((name) => this.proved.get(`${column}\n${name}`) !== true);
  }

  /** The table of calls and platforms. `–`: the platform was not there to ask. */
  table(columns: readonly string[]): string {
    const width = Math.max(...clientCalls.map(({ name }) => name.length));
    const head = `${"section".padEnd(8)}${"call".padEnd(width)}  ${columns.join("  ")}`;
    const lines = clientCalls.map(({ name, section }) => {
      const cells = columns.map((column) => this.cell(column, name).padEnd(column.length));
      return `${section.padEnd(8)}${name.padEnd(width)}  ${cells.join("  ")}`.trimEnd();
    });
    return [head, ...lines].join("\n");
  }

  private cell(column: string, name: CallName): string {
    if (!this.columns.includes(column)) return "–";
    return this.proved.get(`${column}\n${name}`) === true ? "✓" : "✗";
  }
}

/** Declares a test that proves calls: it passes, and each call's own request was made in it and answered. */
export type Prove = (names: readonly CallName[], promise: string, run: () => Promise<void>) => void;

/** Most time a proof may take: a busy machine, and the slowest platform. Units: milliseconds. */
const proofMs = 30_000;

/** The proofs of one platform's column. */
export const proveIn =
  (book: Book, column: string): Prove =>
  (names, promise, run) =>
    test(
      `${names.join(", ")}: ${promise}`,
      async () => {
        const since = sentSince();
        try {
          await run();
          const requests = since();
          for (const name of names) {
            const { route } = callOf(name);
            const status = name === "calls answered 404 at once" ? 404 : undefined;
            expect({ name, route, wasMade: cameBy(requests, route, status) }).toMatchObject({
              wasMade: true,
            });
          }
          for (const name of names) book.note(column, name, true);
        } catch (error) {
          for (const name of names) book.note(column, name, false);
          throw error;
        }
      },
      proofMs,
    );
