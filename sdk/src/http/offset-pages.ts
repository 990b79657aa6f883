import type { Api, QueryValue } from "./api.ts";
import { callParts, type RequestOptions } from "./request-options.ts";

/** Which page of a list that goes on by number. Units: pages from 1; `perPage` at most 100, 25 by default. */
export type OffsetQuery = { page?: number; perPage?: number };

/** One page of such a list. */
export type OffsetPage<T> = {
  data: T[];
  pagination: { currentPage: number; totalPages: number; count: number };
  hasNextPage(): boolean;
  hasPreviousPage(): boolean;
  /** Errors: throws when there is no next page. */
  getNextPage(): Promise<OffsetPage<T>>;
  /** Errors: throws when there is no previous page. */
  getPreviousPage(): Promise<OffsetPage<T>>;
};

/** Await it for one page, or iterate it for every item from there on. */
export type OffsetPagePromise<T> = Promise<OffsetPage<T>> & AsyncIterable<T>;

const pageSchema = {
  parse: (value: unknown) => {
    const raw = value as { data?: unknown; pagination?: Record<string, unknown> } | undefined;
    if (!Array.isArray(raw?.data)) throw new TypeError("a page must have `data`");
    const numberOf = (field: string): number => {
      const number = Number(raw.pagination?.[field]);
      if (!Number.isInteger(number)) throw new TypeError(`a page's pagination must have \`${field}\``);
      return number;
    };
    const pagination = {
      currentPage: numberOf("currentPage"),
      totalPages: numberOf("totalPages"),
      count: numberOf("count"),
    };
    return { items: raw.data as unknown[], pagination };
  },
};

/** Reads a list that pages by number. Source: the client wire contract, 1.5. Cost: one request a page. */
export const listOffsetPages = <T>(
  api: Api,
  path: string,
  query: OffsetQuery & Record<string, QueryValue>,
  readItem: (value: unknown) => T,
  options: RequestOptions = {},
): OffsetPagePromise<T> => {
  const fetchPage = async (page: number | undefined): Promise<OffsetPage<T>> => {
    const { items, pagination } = await api.request(pageSchema, "GET", path, {
      ...callParts(options),
      query: { ...query, page },
    });
    const { currentPage, totalPages } = pagination;
    const turnTo = async (to: number, which: string): Promise<OffsetPage<T>> => {
      if (to < 1 || to > totalPages) throw new Error(`there is no ${which} page`);
      return fetchPage(to);
    };
    return {
      data: items.map(readItem),
      pagination,
      hasNextPage: () => currentPage < totalPages,
      hasPreviousPage: () => currentPage > 1,
      getNextPage: () => turnTo(currentPage + 1, "next"),
      getPreviousPage: () => turnTo(currentPage - 1, "previous"),
    };
  };
  const first = fetchPage(query.page);
  return Object.assign(first, {
    async *[Symbol.asyncIterator]() {
      for (let page = await first; ; page = await page.getNextPage()) {
        yield* page.data;
        if (!page.hasNextPage()) return;
      }
    },
  });
};
