import type { Run as RunOnWire, RunSummary } from "@longshore/shared/contract/runs";
import { type WithDates, withDates } from "./wire-dates.ts";

const dateFields = [
  "createdAt",
  "updatedAt",
  "startedAt",
  "finishedAt",
  "delayedUntil",
  "expiredAt",
] as const;
type DateField = (typeof dateFields)[number];

type KeysOfAny<T> = T extends unknown ? keyof T : never;

/** What a run of another status carries can be asked of each, and is undefined there. */
type Typed<T, TInput, TOutput, Keys extends PropertyKey = KeysOfAny<T>> = T extends unknown
  ? {
      [Key in keyof T]: Key extends "payload"
        ? TInput | undefined
        : Key extends "output"
          ? TOutput | undefined
          : T[Key];
    } & { [Key in Exclude<Keys, keyof T>]?: undefined }
  : never;

/** A run in a list. */
export type RunItem = WithDates<RunSummary, DateField>;

/** A run in full: what else it carries (`output`, `error`, `finishedAt`) follows from its `status`. */
export type Run<TInput = unknown, TOutput = unknown> = Typed<
  WithDates<RunOnWire, DateField>,
  TInput,
  TOutput
>;

/** What names a run: its id, the handle of its trigger, or (as a type argument) its task. */
export type RunSource = string | { id: string };

/** A run as it came, with its dates as dates. */
export const runWithDates = <T extends object>(wire: T): WithDates<T, DateField> =>
  withDates(wire, dateFields);

const idOf = (source: RunSource): string => (typeof source === "string" ? source : source.id);

/** Path of a run's endpoint. Source: the client wire contract, 4.3. */
export const runPath = (version: 1 | 2 | 3, source: RunSource, rest = ""): string =>
  `/api/v${version}/runs/${encodeURIComponent(idOf(source))}${rest}`;
