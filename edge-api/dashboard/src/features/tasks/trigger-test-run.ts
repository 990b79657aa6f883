import { type Client, idempotencyKeys } from "@longshore/sdk";
import { TriggerResponse } from "@longshore/shared/contract/trigger";
import { resolveDelayMs } from "@longshore/shared/core/durations";

/** The test form's fields, as they are typed. */
export type TestOptions = { delay: string; tags: string; idempotencyKey: string; priority: string };

export const noOptions: TestOptions = { delay: "", tags: "", idempotencyKey: "", priority: "" };

const tagsMax = 10;
const tagsOf = (text: string): string[] =>
  text
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");

/** What is wrong with each field; the form may be sent when there is nothing. */
export const checkOptions = (options: TestOptions): Partial<TestOptions> => {
  const faults: Partial<TestOptions> = {};
  const delay = options.delay.trim();
  if (delay !== "" && resolveDelayMs(delay, Date.now()) === "invalid") {
    faults.delay = "A duration such as 10m, or a date.";
  }
  if (tagsOf(options.tags).length > tagsMax) faults.tags = `At most ${tagsMax} tags.`;
  if (options.priority.trim() !== "" && !Number.isFinite(Number(options.priority))) {
    faults.priority = "A number.";
  }
  return faults;
};

const keyParts = async (text: string) => {
  if (text === "") return {};
  // The same hash as code makes from the same words, so that the two find each other's runs.
  const idempotencyKey = await idempotencyKeys.create(text, { scope: "global" });
  return { idempotencyKey, idempotencyKeyOptions: { key: text, scope: "global" } };
};

/** Triggers a run that is marked as a test. Cost: one request. */
export const triggerTestRun = async (
  client: Client,
  taskId: string,
  payload: unknown,
  options: TestOptions,
): Promise<TriggerResponse> => {
  const tags = tagsOf(options.tags);
  const body = {
    ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }),
    options: {
      payloadType: "application/json",
      test: true,
      ...(options.delay.trim() === "" ? {} : { delay: options.delay.trim() }),
      ...(tags.length === 0 ? {} : { tags }),
      ...(options.priority.trim() === "" ? {} : { priority: Number(options.priority) }),
      ...(await keyParts(options.idempotencyKey.trim())),
    },
  };
  return client.request(TriggerResponse, "POST", `/api/v1/tasks/${encodeURIComponent(taskId)}/trigger`, {
    body,
  });
};
