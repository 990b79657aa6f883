/** A node of EXPLAIN (ANALYZE, FORMAT JSON), as far as we read it. */
export type PlanNode = {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Index Recheck"?: number;
  Plans?: PlanNode[];
};

/** How a statement reaches a table: `via` an index, or whole; `rowsRead` in all loops together. */
export type Access = { relation: string; via: string; rowsRead: number };

/** Tables that hold live work or the record: none is ever read whole. */
const growing = [
  ...[
    "runs",
    "queue_entries",
    "lanes",
    "leases",
    "attempts",
    "run_events",
    "run_logs",
    "run_waits",
    "run_tags",
  ],
  ...["wait_points", "idempotency_keys", "batches", "batch_items", "limit_slots", "queues", "schedules"],
  "due_finalisers",
];

/** Most rows that one access may read beside a backlog that is many times as large. */
const rowsMax = 3_000;

const rowsOf = (node: PlanNode): number =>
  (node["Actual Loops"] ?? 0) *
  ((node["Actual Rows"] ?? 0) +
    (node["Rows Removed by Filter"] ?? 0) +
    (node["Rows Removed by Index Recheck"] ?? 0));

/** Every access to a table in a plan, each kind once, in order of names. */
export const readAccesses = (root: PlanNode): Access[] => {
  const found = new Map<string, Access>();
  const visit = (node: PlanNode, above: string | undefined): void => {
    const relation = node["Relation Name"] ?? (node["Node Type"] === "Bitmap Index Scan" ? above : undefined);
    if (relation !== undefined && /Scan$/.test(node["Node Type"])) {
      const via =
        node["Index Name"] ?? (node["Node Type"] === "Seq Scan" ? "the whole table" : node["Node Type"]);
      const known = found.get(`${relation} ${via}`);
      found.set(`${relation} ${via}`, {
        relation,
        via,
        rowsRead: Math.max(known?.rowsRead ?? 0, rowsOf(node)),
      });
    }
    for (const child of node.Plans ?? []) visit(child, relation ?? above);
  };
  visit(root, undefined);
  return [...found.values()].sort((a, b) => `${a.relation} ${a.via}`.localeCompare(`${b.relation} ${b.via}`));
};

/** Sorts that took in more than a page or a poll could need. */
const largeSorts = (node: PlanNode): number[] => [
  ...(node["Node Type"] === "Sort" && rowsOf(node) > rowsMax ? [rowsOf(node)] : []),
  ...(node.Plans ?? []).flatMap(largeSorts),
];

/** What is wrong with a plan, in words; nothing when it is as it should be. */
export const findFaults = (root: PlanNode): string[] => [
  ...readAccesses(root)
    .filter(({ relation }) => growing.includes(relation))
    .flatMap(({ relation, via, rowsRead }) => [
      ...(via === "the whole table" ? [`reads ${relation} whole`] : []),
      ...(rowsRead > rowsMax ? [`reads ${rowsRead} rows of ${relation} by ${via}`] : []),
    ]),
  ...largeSorts(root).map((rows) => `sorts ${rows} rows`),
];
