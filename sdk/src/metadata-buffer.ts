import type { MetadataOperation } from "@longshore/shared/contract/run-edits";
import { applyMetadata } from "@longshore/shared/core/apply-metadata";
import { ambientApi } from "./configure.ts";
import { ApiError } from "./http/api-error.ts";
import type { Attempt } from "./lifecycle/attempts.ts";

/** Data of a run that anyone may look at while it executes. */
export type RunMetadata = Record<string, unknown>;

/** Whose metadata an operation changes: the run's own, its parent's, or that of the first of the family. */
export type MetadataOwner = "run" | "parent" | "root";

/** Changes are gathered for so long before they are sent. Units: milliseconds. */
const flushAfterMs = 1_000;
/** Most changes that one request may carry. */
const operationsMax = 1_000;

type Pending = Record<MetadataOwner, MetadataOperation[]> & { replaced: RunMetadata | null };

const nothing = (): Pending => ({ run: [], parent: [], root: [], replaced: null });
const isEmpty = ({ run, parent, root, replaced }: Pending): boolean =>
  replaced === null && run.length + parent.length + root.length === 0;

const answer = {
  parse: (value: unknown): { metadata: RunMetadata } => {
    const { metadata } = (value ?? {}) as { metadata?: unknown };
    if (typeof metadata !== "object" || metadata === null)
      throw new TypeError("the answer must have `metadata`");
    return { metadata: metadata as RunMetadata };
  },
};

/** One that follows another of its kind on the same key says it all: a progress counter sends one number, not thousands. */
const merged = (before: MetadataOperation | undefined, next: MetadataOperation): MetadataOperation | null => {
  if (before?.key !== next.key) return null;
  if (next.type === "set" && before.type === "set") return next;
  if (next.type === "increment" && before.type === "increment")
    return { ...next, value: before.value + next.value };
  return null;
};

/**
 * The metadata of one attempt's run: a view that its own changes are seen in at once, and the changes that are still to be
 * sent.
 *
 * I1  Requests go out one at a time, so that changes arrive in the order in which they were made.
 * I2  What could not be sent stays, in its place, for the next time; what the API refuses is dropped and thrown.
 */
export const createMetadataBuffer = ({ context }: Attempt) => {
  const path = `/api/v1/runs/${encodeURIComponent(context.run.id)}/metadata`;
  let values: RunMetadata = structuredClone(context.run.metadata ?? {});
  let pending = nothing();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let sending: Promise<void> = Promise.resolve();

  const take = (): Pending => {
    const taken = {
      replaced: pending.replaced,
      run: pending.run.splice(0, operationsMax),
      parent: pending.parent.splice(0, operationsMax),
      root: pending.root.splice(0, operationsMax),
    };
    pending.replaced = null;
    return taken;
  };
  const giveBack = (taken: Pending): void => {
    // A later replacement makes what came before it pointless.
    const isReplaced = pending.replaced !== null;
    pending = {
      replaced: pending.replaced ?? taken.replaced,
      run: isReplaced ? pending.run : [...taken.run, ...pending.run],
      parent: [...taken.parent, ...pending.parent],
      root: [...taken.root, ...pending.root],
    };
  };
  const adopt = (fromServer: RunMetadata): void => {
    values = applyMetadata(pending.replaced ?? fromServer, pending.run);
  };
  const send = async (): Promise<void> => {
    while (!isEmpty(pending)) {
      const taken = take();
      const body = {
        ...(taken.replaced ? { metadata: taken.replaced } : {}),
        ...(taken.run.length > 0 ? { operations: taken.run } : {}),
        ...(taken.parent.length > 0 ? { parentOperations: taken.parent } : {}),
        ...(taken.root.length > 0 ? { rootOperations: taken.root } : {}),
      };
      try {
        adopt((await ambientApi().request(answer, "PUT", path, { body })).metadata);
      } catch (error) {
        const isRefused = error instanceof ApiError && error.status !== undefined && error.status < 500;
        if (!isRefused) giveBack(taken); // I2
        throw error;
      }
    }
  };
  const flush = (): Promise<void> => {
    if (timer) clearTimeout(timer);
    timer = null;
    const sent = sending.then(send); // I1
    sending = sent.catch(() => {});
    return sent;
  };
  const flushLater = (): void => {
    timer ??= setTimeout(() => {
      flush().catch((error: unknown) => console.warn("metadata could not be sent yet:", String(error)));
    }, flushAfterMs);
    (timer as { unref?: () => void }).unref?.();
  };
  const isOwn = (owner: MetadataOwner): boolean =>
    owner === "run" ||
    (owner === "parent" ? context.run.parentTaskRunId : context.run.rootTaskRunId) === undefined;

  return {
    values: (): RunMetadata => values,
    /** Errors: MetadataKeyError for a key that points nowhere. */
    change(owner: MetadataOwner, operation: MetadataOperation): void {
      if (isOwn(owner)) values = applyMetadata(values, [operation]);
      const list = pending[owner];
      const both = merged(list.at(-1), operation);
      if (both) list[list.length - 1] = both;
      else list.push(operation);
      flushLater();
    },
    replace(metadata: RunMetadata): void {
      values = metadata;
      pending = { ...pending, run: [], replaced: metadata };
      flushLater();
    },
    flush,
    async refresh(): Promise<void> {
      adopt((await ambientApi().request(answer, "GET", path)).metadata);
    },
  };
};

export type MetadataBuffer = ReturnType<typeof createMetadataBuffer>;
