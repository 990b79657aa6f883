import { performance } from "node:perf_hooks";
import { type Figure, percentiles } from "./figures.ts";
import { seeded } from "./seed-history.ts";
import type { Stage } from "./stage.ts";

const samples = 10;
const day = 86_400_000;

type List = { data: { id: string; createdAt: string }[]; pagination: { next?: string } };

/** Every filter of a list with values that are common, rare, of long ago, and absent. Shape: name to query. */
const queries = (nowMs: number): Record<string, string> => {
  const range = (fromDaysAgo: number, toDaysAgo: number) =>
    `filter[createdAt][from]=${nowMs - fromDaysAgo * day}&filter[createdAt][to]=${nowMs - toDaysAgo * day}`;
  const statuses = [
    ...["COMPLETED", "FAILED", "CANCELED", "CRASHED", "SYSTEM_FAILURE", "TIMED_OUT", "EXPIRED", "QUEUED"],
    ...["DELAYED", "WAITING", "EXECUTING", "DEQUEUED", "PENDING_VERSION"],
  ];
  const plain: Record<string, readonly string[]> = {
    taskIdentifier: ["task-0", seeded.rareTask, seeded.oldTask, "absent"],
    version: ["20260499.1", "20260250.1", "20260000.1", "absent"],
    tag: [
      seeded.commonTag,
      seeded.rareTag,
      seeded.oldTag,
      "user:77",
      `${seeded.commonTag},user:78`,
      "absent",
    ],
    queue: ["queue-0", seeded.rareQueue, "absent"],
    machine: ["small-1x", "medium-1x", seeded.rareMachine, "micro"],
    region: ["eu-central", seeded.rareRegion, "absent"],
    bulkAction: ["bulk_seed_0", "bulk_seed_4", "absent"],
    schedule: ["sched_seed_3", "sched_seed_6", "absent"],
    batch: ["batch_seed_3", "batch_seed_400", "absent"],
    error: ["error-40", "error-69", "absent"],
    isTest: ["true", "false"],
    status: statuses,
  };
  return {
    none: "",
    ...Object.fromEntries(
      Object.entries(plain).flatMap(([filter, values]) =>
        values.map((value) => [`${filter}.${value}`, `filter[${filter}]=${encodeURIComponent(value)}`]),
      ),
    ),
    "createdAt.newest": `filter[createdAt][period]=1d`,
    "createdAt.middle": range(16, 15),
    "createdAt.oldest": range(30, 29.9),
    "createdAt.absent": range(60, 40),
    "two.task-and-status": "filter[taskIdentifier]=task-0&filter[status]=TIMED_OUT",
    "two.status-and-old-range": `filter[status]=FAILED&${range(29, 28)}`,
    "two.tag-and-test": `filter[tag]=${encodeURIComponent(seeded.commonTag)}&filter[isTest]=true`,
  };
};

const timed = async (call: () => Promise<unknown>): Promise<{ p50Ms: number; p99Ms: number }> => {
  const tookMs: number[] = [];
  for (let nth = -2; nth < samples; nth++) {
    const startMs = performance.now();
    await call();
    if (nth >= 0) tookMs.push(performance.now() - startMs);
  }
  const { p50Ms, p99Ms } = percentiles(tookMs);
  return { p50Ms, p99Ms };
};

/** The list with every filter, over HTTP: first page, the next, and back again. */
export const measureLists = async (stage: Stage, print: (figure: Figure) => void): Promise<void> => {
  const headers = { authorization: `Bearer ${stage.apiKey}` };
  const get = (path: string) => stage.http.json<List>("GET", path, undefined, headers);
  const { rows } = await stage.sql.query("select ref from projects");
  for (const [name, query] of Object.entries(queries(Date.now()))) {
    const path = `/api/v1/runs?page[size]=25&${query}`;
    const first = await get(path);
    const next = first.pagination.next;
    const last = first.data.at(-1)?.id;
    print({
      name: `list.${name}`,
      found: first.data.length,
      ...(await timed(() => get(path))),
      ...(next === undefined
        ? {}
        : { nextP99Ms: (await timed(() => get(`${path}&page[after]=${next}`))).p99Ms }),
      ...(last === undefined
        ? {}
        : { previousP99Ms: (await timed(() => get(`${path}&page[before]=${last}`))).p99Ms }),
    });
  }
  const project = `/api/v1/projects/${rows[0]?.ref}/runs?page[size]=25`;
  print({ name: "list.project", ...(await timed(() => get(project))) });
  print({ name: "list.project.status", ...(await timed(() => get(`${project}&filter[status]=FAILED`))) });
};

/** What the page of one run asks for. */
export const measureRunPage = async (stage: Stage, print: (figure: Figure) => void): Promise<void> => {
  const headers = { authorization: `Bearer ${stage.apiKey}` };
  const { rows } = await stage.sql.query<{ id: string; state: string }>(
    `(select id, state from runs where environment_id = $1 and state = 'completed' order by id limit 1)
     union all (select id, state from runs where environment_id = $1 and state = 'queued' order by id desc limit 1)
     union all (select id, state from runs where environment_id = $1 and state = 'waiting' order by id desc limit 1)`,
    [stage.environmentId],
  );
  const parts = { retrieve: "v3", events: "v1", result: "v1", logs: "v1", trace: "v1", explain: "v1" };
  for (const { id, state } of rows) {
    for (const [part, version] of Object.entries(parts)) {
      const path = `/api/${version}/runs/${id}${part === "retrieve" ? "" : `/${part}`}`;
      const took = await timed(() => stage.http.json("GET", path, undefined, headers));
      print({ name: `run-page.${part}.${state}`, ...took });
    }
  }
};
