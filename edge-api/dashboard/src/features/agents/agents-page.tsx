import type { AgentItem } from "@longshore/shared/contract/dashboard";
import { Link } from "@tanstack/react-router";
import { Server } from "lucide-react";
import { Tag } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../ui/states.tsx";
import { RelativeTime } from "../runs/times.tsx";
import { PageHeader, useTitle } from "../shell/page-header.tsx";
import { useEnvironment } from "../shell/use-environment.ts";
import { AgentBadge } from "./agent-badge.tsx";
import { useAgents } from "./agents-query.ts";
import { SlotsBar } from "./slots-bar.tsx";

const enrolCommands = (): string =>
  [
    "# a one-time token, made with a secret key of this environment",
    `curl -X POST ${window.location.origin}/api/v1/agents/enrol-tokens \\`,
    '  -H "Authorization: Bearer $LONGSHORE_SECRET_KEY"',
    "",
    "# on the machine that is to execute runs",
    `longshore agent enrol --api-url ${window.location.origin} --token <token>`,
    `longshore agent start --api-url ${window.location.origin}`,
  ].join("\n");

function AgentCard({ agent }: { agent: AgentItem }) {
  const { environmentId } = useEnvironment();
  const labels = Object.entries(agent.labels);
  return (
    <li className="grid gap-x-8 gap-y-3 border-b px-4 py-4 last:border-b-0 md:grid-cols-[minmax(0,1.1fr)_minmax(14rem,1.4fr)_minmax(7rem,auto)] md:items-center">
      <div className="min-w-0">
        <div className="flex items-center gap-2">
          <h2 className="truncate font-medium text-[14px]">
            <Link
              to="/env/$environmentId/agents/$agentId"
              params={{ environmentId, agentId: agent.id }}
              className="hover:text-accent hover:underline"
            >
              {agent.name}
            </Link>
          </h2>
          <AgentBadge status={agent.status} />
        </div>
        <p className="mt-1 flex flex-wrap items-center gap-x-2 gap-y-1 text-faint text-xs">
          <span>{agent.runtime}</span>
          <span aria-hidden="true">·</span>
          <span className="font-mono">{agent.version}</span>
          {agent.heldBack && <span className="text-warn">{agent.heldBack}</span>}
          {labels.map(([name, value]) => (
            <Tag key={name}>
              {name}={value}
            </Tag>
          ))}
        </p>
      </div>
      <SlotsBar agent={agent} />
      <dl className="flex gap-x-6 text-xs md:block md:text-right">
        <div>
          <dt className="inline text-faint">Last seen </dt>
          <dd className="inline">
            {agent.lastSeenAt ? <RelativeTime at={new Date(agent.lastSeenAt)} /> : "never"}
          </dd>
        </div>
        <div className="md:mt-1">
          <dt className="inline text-faint">Enrolled </dt>
          <dd className="inline">
            <RelativeTime at={new Date(agent.enrolledAt)} />
          </dd>
        </div>
      </dl>
    </li>
  );
}

const Loading = () => (
  <div role="status" aria-label="Loading agents" className="space-y-3 p-4 md:p-6">
    <Skeleton className="h-20" />
    <Skeleton className="h-20" />
  </div>
);

function AgentsBody({ agents }: { agents: ReturnType<typeof useAgents> }) {
  const { data, error, refetch } = agents;
  if (!data && !error) return <Loading />;
  if (!data) {
    return (
      <div className="p-4 md:p-6">
        <ErrorPanel title="The agents could not be read" error={error} onRetry={() => void refetch()} />
      </div>
    );
  }
  if (data.data.length === 0) {
    return (
      <EmptyState icon={<Server />} title="No agent serves this environment">
        <p>Runs wait in their queues until an agent takes them. Make a machine of yours one:</p>
        <CodeBlock text={enrolCommands()} label="Copy the commands" />
      </EmptyState>
    );
  }
  return (
    <div className="p-4 md:p-6">
      <ul aria-label="Agents" className="rounded-lg border bg-surface">
        {data.data.map((agent) => (
          <AgentCard key={agent.id} agent={agent} />
        ))}
      </ul>
    </div>
  );
}

const capacityOf = (agents: readonly AgentItem[]): string | null => {
  const online = agents.filter(({ status }) => status === "online");
  if (agents.length === 0) return null;
  const slots = online.reduce((sum, { slots }) => sum + slots, 0);
  const used = online.reduce((sum, { leased, executing }) => sum + leased + executing, 0);
  return `${online.length} of ${agents.length} online · ${used} of ${slots} slots in use`;
};

/** The machines that execute this environment's runs. */
export function AgentsPage() {
  useTitle("Agents");
  const agents = useAgents();
  return (
    <>
      <PageHeader
        title="Agents"
        note={agents.data && capacityOf(agents.data.data)}
        actions={
          <Dialog
            title="Add an agent"
            description="An agent is a machine of yours that pulls runs and executes them. Nothing needs to reach it from outside."
            className="w-[min(40rem,calc(100vw-2rem))]"
            trigger={<Button>Add an agent</Button>}
          >
            <div className="pb-5">
              <CodeBlock text={enrolCommands()} label="Copy the commands" />
            </div>
          </Dialog>
        }
      />
      <div className="scroll-thin min-h-0 flex-1 overflow-y-auto">
        <AgentsBody agents={agents} />
      </div>
    </>
  );
}
