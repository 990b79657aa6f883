import { ambientApi } from "./configure.ts";
import { currentHost } from "./host.ts";

const anything = { parse: (value: unknown): unknown => value };

/**
 * Adds tags to the running run; those it has already stay as they are.
 *
 * Units: at most 10 on a run, of 1 to 128 characters. Cost: one request. Errors: rejects outside a task;
 * UnprocessableEntityError when they become too many.
 */
const add = async (tags: string | readonly string[]): Promise<void> => {
  const host = currentHost();
  if (!host) {
    throw new Error(
      "tags.add can only be used while a task runs; elsewhere give tags to the trigger: trigger(payload, { tags })",
    );
  }
  const list = typeof tags === "string" ? [tags] : [...tags];
  const bad = list.find((tag) => typeof tag !== "string" || tag.length < 1 || tag.length > 128);
  if (bad !== undefined)
    throw new TypeError(`tags.add: ${JSON.stringify(bad)} must be text of 1 to 128 characters`);
  if (list.length === 0) return;
  const path = `/api/v1/runs/${encodeURIComponent(host.context.run.id)}/tags`;
  await ambientApi().request(anything, "POST", path, { body: { tags: list } });
};

export const tags = { add };
