import type { Api, QueryValue } from "./api.ts";
import { callParts, type RequestOptions } from "./request-options.ts";

/** One page of a list that goes on by cursor. */
export type Page<T> = {
  data: T[];
  pagination: { next?: string | undefined; previous?: string | undefined };
  hasNextPage(): boolean;
  hasPreviousPage(): boolean;
  /** Errors: throws when there is no next page. */
  getNextPage(): Promise<Page<T>>;
  /** Errors: throws when there is no previous page. */
  getPreviousPage(): Promise<Page<T>>;
};

/** Await it for the first page, or iterate it for every item of every page. */
export type PagePromise<T> = Promise<Page<T>> & AsyncIterable<T>;

type RawPage = { data?: unknown; pagination?: { next?: unknown; previous?: unknown } };

const textOrNothing = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const pageSchema = {
  parse: (value: unknown) => {
    const raw = value as RawPage | undefined;
    if (!Array.isArray(raw?.data)) throw new TypeError("a page must have `data`");
    return {
      items: raw.data as unknown[],
      pagination: {
        next: textOrNothing(raw.pagination?.next),
        previous: textOrNothing(raw.pagination?.previous),
      },
    };
  },
};

/**
 * Reads a cursor list. Source: the client wire contract, 1.5. Cost: one request a page, made when it is needed.
 */
export const listPages = <T>(
  api: Api,
  path: string,
  query: Record<string, QueryValue>,
  readItem: (value: unknown) => T | Promise<T>,
  options: RequestOptions = {},
): PagePromise<T> => {
  const fetchPage = async (cursor: Record<string, QueryValue>): Promise<Page<T>> => {
    const { items, pagination } = await api.request(pageSchema, "GET", path, {
      ...callParts(options),
      query: { ...query, ...cursor },
    });
    const { next, previous } = pagination;
    return {
      data: await Promise.all(items.map(readItem)),
      pagination,
      hasNextPage: () => next !== undefined,
      hasPreviousPage: () => previous !== undefined,
      getNextPage: async () => {
        if (next === undefined) throw new Error("there is no next page");
        return fetchPage({ "page[after]": next, "page[before]": undefined });
      },
      getPreviousPage: async () => {
        if (previous === undefined) throw new Error("there is no previous page");
        return fetchPage({ "page[before]": previous, "page[after]": undefined });
      },
    };
  };
  const first = fetchPage({});
  return Object.assign(first, {
    async *[Symbol.asyncIterator]() {
      for (let page = await first; ; page = await page.getNextPage()) {
        yield* page.data;
        if (!page.hasNextPage()) return;
      }
    },
  });
};
