import type { Run, RunItem } from "@longshore/sdk";
import type { ReactNode } from "react";
import { Tag } from "../../ui/badge.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { JsonView, prettyJson } from "../../ui/json-view.tsx";
import { Panel } from "../../ui/states.tsx";
import { RunLink } from "../runs/run-link.tsx";
import { StatusBadge } from "../runs/status-badge.tsx";
import { RelativeTime } from "../runs/times.tsx";

type Related = { id: string; taskIdentifier: string; status: RunItem["status"] };

function ValuePanel(props: { title: string; value: unknown; url: string | undefined; missing: string }) {
  const { title, value, url, missing } = props;
  if (url) {
    return (
      <Panel title={title}>
        <p className="px-4 py-3 text-soft">
          It is too large to show here.{" "}
          <a href={url} className="text-accent hover:underline" download>
            Download it
          </a>
        </p>
      </Panel>
    );
  }
  if (value === undefined) {
    return (
      <Panel title={title}>
        <p className="px-4 py-3 text-faint">{missing}</p>
      </Panel>
    );
  }
  return (
    <Panel
      title={title}
      actions={<CopyButton text={prettyJson(value)} label={`Copy the ${title.toLowerCase()}`} />}
    >
      <JsonView value={value} />
    </Panel>
  );
}

const outputMissing = (run: Run): string => {
  if (run.status === "COMPLETED") return "The task returned nothing.";
  return run.isCompleted ? "The run ended without an output." : "It comes when the run completes.";
};

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="grid grid-cols-[7rem_minmax(0,1fr)] gap-2 px-4 py-1">
    <dt className="text-faint text-xs leading-5">{name}</dt>
    <dd className="wrap-anywhere min-w-0 text-xs leading-5">{children}</dd>
  </div>
);

function Facts({ run }: { run: Run }) {
  return (
    <Panel title="About this run">
      <dl className="py-2">
        <Fact name="Created">
          <RelativeTime at={run.createdAt} />
        </Fact>
        {run.delayedUntil && (
          <Fact name="Delayed until">
            <RelativeTime at={run.delayedUntil} />
          </Fact>
        )}
        <Fact name="Version">
          <span className="font-mono">{run.version ?? "not decided yet"}</span>
        </Fact>
        <Fact name="Attempts">{run.attemptCount}</Fact>
        {run.ttl && <Fact name="Time to live">{run.ttl}</Fact>}
        {run.idempotencyKey && (
          <Fact name="Idempotency key">
            <span className="font-mono">{run.idempotencyKey}</span>
          </Fact>
        )}
        <Fact name="Triggered as">
          <span className="font-mono">{run.triggerFunction}</span>
          {run.isTest && " (test)"}
        </Fact>
        {run.region && (
          <Fact name="Region">
            <span className="font-mono">{run.region}</span>
          </Fact>
        )}
        {run.labels && (
          <Fact name="Agent labels">
            <span className="flex flex-wrap gap-1">
              {Object.entries(run.labels).map(([name, value]) => (
                <Tag key={name}>{`${name}=${value}`}</Tag>
              ))}
            </span>
          </Fact>
        )}
        {run.tags.length > 0 && (
          <Fact name="Tags">
            <span className="flex flex-wrap gap-1">
              {run.tags.map((tag) => (
                <Tag key={tag}>{tag}</Tag>
              ))}
            </span>
          </Fact>
        )}
      </dl>
    </Panel>
  );
}

const RelatedRun = ({ kind, run }: { kind: string; run: Related }) => (
  <li className="flex items-center gap-2 px-4 py-1.5">
    <span className="w-12 shrink-0 text-faint text-xs">{kind}</span>
    <span className="min-w-0 flex-1">
      <span className="block truncate text-xs">{run.taskIdentifier}</span>
      <RunLink run={run} className="font-mono text-accent text-xs hover:underline" />
    </span>
    <StatusBadge status={run.status} />
  </li>
);

function RelatedRuns({ run }: { run: Run }) {
  const { parent, root, children = [] } = run.relatedRuns;
  if (!parent && !root && children.length === 0) return null;
  return (
    <Panel title="Related runs">
      <ul className="scroll-thin max-h-80 overflow-y-auto py-1.5">
        {root && root.id !== parent?.id && root.id !== run.id && <RelatedRun kind="Root" run={root} />}
        {parent && <RelatedRun kind="Parent" run={parent} />}
        {children.map((child) => (
          <RelatedRun key={child.id} kind="Child" run={child} />
        ))}
      </ul>
    </Panel>
  );
}

/** What the run was given, what it gave back, and what belongs to it. */
export function RunAside({ run }: { run: Run }) {
  const output = run.status === "COMPLETED" ? run.output : undefined;
  const outputUrl = run.status === "COMPLETED" ? run.outputPresignedUrl : undefined;
  return (
    <>
      <ValuePanel
        title="Payload"
        value={run.payload}
        url={run.payloadPresignedUrl}
        missing="It was triggered without one."
      />
      <ValuePanel title="Output" value={output} url={outputUrl} missing={outputMissing(run)} />
      <RelatedRuns run={run} />
      <Facts run={run} />
      {run.metadata && Object.keys(run.metadata).length > 0 && (
        <ValuePanel title="Metadata" value={run.metadata} url={undefined} missing="" />
      )}
    </>
  );
}
