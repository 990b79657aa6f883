/** The numbers of a page that is counted from one. Source: the client wire contract, 1.5. */
export const offsetPage = (query: {
  page: number;
  perPage: number;
}): {
  size: number;
  offset: number;
  pagination(count: number): { currentPage: number; totalPages: number; count: number };
} => ({
  size: query.perPage,
  offset: (query.page - 1) * query.perPage,
  pagination: (count) => ({
    currentPage: query.page,
    totalPages: Math.max(1, Math.ceil(count / query.perPage)),
    count,
  }),
});
