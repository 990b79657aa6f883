import { KeepAlive } from "@longshore/shared/contract/manifest";
import { DeploymentSignature } from "@longshore/shared/contract/signatures";
import { TaskError } from "@longshore/shared/contract/task-error";
import { z } from "zod";

const ClaimedWait = z.object({
  id: z.string(),
  kind: z.enum(["time", "run", "token", "batch"]),
  runId: z.string().nullable(),
  batchId: z.string().nullable(),
  taskIdentifier: z.string().nullable(),
  output: z.string().nullable(),
  outputType: z.string().nullable(),
  error: TaskError.nullable(),
});

/** A lease as the database tells it: what it has in common with others is named, and told once beside them. */
const TakenLease = z.object({
  runId: z.string(),
  epoch: z.int(),
  attempt: z.int(),
  isContinuation: z.boolean(),
  task: z.string(),
  payload: z.string().nullable(),
  payloadType: z.string(),
  machine: z.string(),
  maxDurationS: z.number().nullable(),
  executedMs: z.number(),
  maxAttempts: z.number().nullable(),
  tags: z.array(z.string()),
  isTest: z.boolean(),
  idempotencyKey: z.string().nullable(),
  priority: z.number(),
  parentRunId: z.string().nullable(),
  rootRunId: z.string().nullable(),
  createdAt: z.string(),
  batchId: z.string().nullable(),
  region: z.string().nullable(),
  labels: z.record(z.string(), z.string()).nullable(),
  isReplay: z.boolean(),
  idempotencyKeyScope: z.enum(["run", "attempt", "global"]).nullable().catch(null),
  metadata: z.record(z.string(), z.unknown()).nullable().catch(null),
  environmentId: z.string(),
  deploymentId: z.string().nullable(),
  queueId: z.string(),
  waits: z.array(ClaimedWait),
});

const ClaimedDeployment = z.object({
  id: z.string(),
  version: z.string(),
  shortCode: z.string(),
  bundleHash: z.string(),
  entry: z.string(),
  runtimeVersion: z.string().nullable(),
  keepAlive: KeepAlive.nullable(),
  image: z.string().nullable(),
  signature: DeploymentSignature.nullable(),
  /** The file of each task that was claimed. */
  files: z.array(z.object({ task: z.string(), path: z.string() })),
});

const ClaimedQueue = z.object({ id: z.string(), name: z.string() });

const ClaimedPlace = z.object({
  environment: z.object({ id: z.string(), slug: z.string(), type: z.string() }),
  project: z.object({ id: z.string(), ref: z.string(), slug: z.string(), name: z.string() }),
  organization: z.object({ id: z.string(), slug: z.string(), name: z.string() }),
});

/** A claimed run with all that belongs to it; services make of it what an agent receives. */
export type ClaimedLease = z.infer<typeof TakenLease> &
  z.infer<typeof ClaimedPlace> & {
    filePath: string | null;
    queue: z.infer<typeof ClaimedQueue>;
    /** None when it is gone. */
    deployment: z.infer<typeof ClaimedDeployment> | null;
  };

/**
 * The part of the answer that tells leases: what they have in common once, since a manifest may be large.
 * Needs `delivered`: runs that were taken, or are told again.
 */
export const leasesTold = `
  'leases', (
    select coalesce(json_agg(json_build_object(
      'runId', m.id, 'epoch', m.lease_epoch,
      'attempt', case when m.is_continuation then m.attempt else m.attempt + 1 end,
      'isContinuation', m.is_continuation,
      'task', m.task_slug, 'payload', m.payload, 'payloadType', m.payload_type,
      'machine', m.machine, 'maxDurationS', m.max_duration_s, 'executedMs', m.executed_ms,
      'maxAttempts', m.retry->'maxAttempts', 'tags', m.tags, 'isTest', m.is_test,
      'idempotencyKey', m.idempotency_key, 'priority', m.priority,
      'parentRunId', m.parent_run_id, 'rootRunId', m.root_run_id, 'createdAt', m.created_at,
      'batchId', m.batch_id, 'region', m.region, 'labels', m.labels, 'isReplay', m.replayed_from_id is not null,
      'idempotencyKeyScope', m.idempotency_options->>'scope',
      'metadata', case when not m.is_continuation then m.metadata end,
      'environmentId', m.environment_id, 'deploymentId', m.deployment_id, 'queueId', m.queue_id,
      'waits', case when not m.is_continuation then '[]'::json else (
        select coalesce(json_agg(json_build_object('id', wp.id, 'kind', wp.kind, 'runId', wp.child_run_id,
          'batchId', wp.batch_id,
          'taskIdentifier', c.task_slug, 'output', wp.output, 'outputType', wp.output_type, 'error', wp.error)
          order by w.position), '[]')
        from run_waits w
        join wait_points wp on wp.id = w.wait_point_id
        left join lateral (select task_slug from runs where id = wp.child_run_id limit 1) c on true
        where w.run_id = m.id and w.is_active and (w.taken_epoch is null or w.taken_epoch = m.lease_epoch)) end
    )), '[]')
    from delivered m),
  'environments', (
    select coalesce(json_agg(json_build_object(
      'environment', json_build_object('id', e.id, 'slug', e.slug, 'type', e.type),
      'project', json_build_object('id', p.id, 'ref', p.ref, 'slug', p.slug, 'name', p.name),
      'organization', json_build_object('id', o.id, 'slug', o.slug, 'name', o.name))), '[]')
    from environments e join projects p on p.id = e.project_id join organizations o on o.id = p.organization_id
    where e.id = any(array(select environment_id from delivered))),
  'queues', (
    select coalesce(json_agg(json_build_object('id', id, 'name', name)), '[]') from queues
    where id = any(array(select queue_id from delivered))),
  'deployments', (
    select coalesce(json_agg(json_build_object('id', d.id, 'version', d.version, 'shortCode', d.short_code,
      'bundleHash', d.bundle_hash, 'entry', d.manifest->>'entry', 'runtimeVersion', d.manifest->>'runtimeVersion',
      'keepAlive', d.manifest->'processKeepAlive', 'image', d.manifest->'image', 'signature', d.manifest->'signature',
      'files', f.paths)), '[]')
    from deployments d cross join lateral (
      select coalesce(json_agg(json_build_object('task', t.slug, 'path', t.file_path)), '[]') as paths
      from tasks t where t.deployment_id = d.id and t.slug = any(array(select task_slug from delivered where deployment_id = d.id))
    ) f
    where d.id = any(array(select deployment_id from delivered)))`;

/** What the statement answers: leases and orders, or why there are none for this agent. */
export const ClaimAnswer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("missing") }),
  z.object({ kind: z.literal("revoked") }),
  z.object({ kind: z.literal("superseded") }),
  z.object({
    kind: z.literal("claimed"),
    poolId: z.string(),
    draining: z.boolean(),
    leases: z.array(TakenLease),
    environments: z.array(ClaimedPlace),
    queues: z.array(ClaimedQueue),
    deployments: z.array(ClaimedDeployment),
    orders: z.array(
      z.object({
        kind: z.enum(["cancel", "stop"]),
        runId: z.string(),
        epoch: z.int(),
        reason: z.string(),
      }),
    ),
    /** Lanes that this claim believes to be empty or without room now; settleLanes looks again. */
    emptied: z.array(z.string()),
    /** Whether a lane was found without room under a named limit and gave its turn to others, or was called back to it. */
    asideChanged: z.boolean(),
    /** Whether runs too large for the agent's room were all that was looked at in some lanes, and others may be left. */
    passedOver: z.boolean(),
    /** Whether nothing was taken, and there is work that another agent may have the labels or the room for. */
    forOthers: z.boolean(),
    /** Whether slots were kept for what goes on at other agents, as the statement's snapshot showed it. */
    keptForOthers: z.boolean(),
    /** Whether open lanes with work remain. */
    more: z.boolean(),
    /** From now by the database's clock, so that the caller's may differ. Units: milliseconds. */
    nextDueInMs: z.number().nullable(),
  }),
]);
type ClaimAnswer = z.infer<typeof ClaimAnswer>;
type Claimed = Extract<ClaimAnswer, { kind: "claimed" }>;

/** The same, with whole leases. */
export type Claim =
  | Exclude<ClaimAnswer, Claimed>
  | (Omit<Claimed, "leases" | "environments" | "queues" | "deployments"> & { leases: ClaimedLease[] });

/** Gives each lease what it has in common with others. Errors: a lease without its environment or queue is a broken invariant. */
export const wholeLeases = ({ leases, environments, queues, deployments }: Claimed): ClaimedLease[] => {
  const placeOf = new Map(environments.map((place) => [place.environment.id, place]));
  const queueOf = new Map(queues.map((queue) => [queue.id, queue]));
  const deploymentOf = new Map(deployments.map((deployment) => [deployment.id, deployment]));
  return leases.map((lease) => {
    const [place, queue] = [placeOf.get(lease.environmentId), queueOf.get(lease.queueId)];
    if (!place || !queue) throw new Error(`the claim of ${lease.runId} answered no environment or queue`);
    const deployment = deploymentOf.get(lease.deploymentId ?? "") ?? null;
    const filePath = deployment?.files.find(({ task }) => task === lease.task)?.path ?? null;
    // In place: copies of two hundred leases cost more than all that is looked up for them.
    const { environment, project, organization } = place;
    return Object.assign(lease, { environment, project, organization, queue, deployment, filePath });
  });
};
