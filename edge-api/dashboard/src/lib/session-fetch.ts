/** `fetch` with the session's cookie alone: an empty bearer token would be refused as a wrong one. */
export const withoutAuthorization: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers);
  headers.delete("authorization");
  return fetch(input, { ...init, headers });
};
