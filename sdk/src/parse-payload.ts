/** What a call does with a payload before it is sent; `schemaTask` checks it. Errors: a rejection refuses the trigger. */
export type ParsePayload = (payload: unknown) => Promise<unknown>;
