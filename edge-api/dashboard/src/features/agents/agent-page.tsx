import type { AgentItem } from "@longshore/shared/contract/dashboard";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight, Server } from "lucide-react";
import type { ReactNode } from "react";
import { errorMessage } from "../../lib/error-message.ts";
import { formatDuration } from "../../lib/format.ts";
import { Tag } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { EmptyState, ErrorPanel, Panel, Skeleton } from "../../ui/states.tsx";
import { useToasts } from "../../ui/toast.tsx";
import { RelativeTime } from "../runs/times.tsx";
import { PageHeader, useTitle } from "../shell/page-header.tsx";
import { useEnvironment } from "../shell/use-environment.ts";
import { AgentBadge } from "./agent-badge.tsx";
import { useAgents } from "./agents-query.ts";
import { SlotsBar } from "./slots-bar.tsx";

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-2 px-4 py-1 text-xs leading-5">
    <dt className="text-faint">{name}</dt>
    <dd className="wrap-anywhere min-w-0">{children}</dd>
  </div>
);

const useDrain = (agent: AgentItem) => {
  const { client } = useEnvironment();
  const queryClient = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: () => (agent.isDrained ? client.agents.undrain(agent.id) : client.agents.drain(agent.id)),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["agents"] }),
    onError: (error) =>
      toasts.add({ type: "error", title: "The agent was not changed", description: errorMessage(error) }),
  });
};

function DrainButton({ agent }: { agent: AgentItem }) {
  const drain = useDrain(agent);
  if (agent.status === "revoked") return null;
  return (
    <Button disabled={drain.isPending} onClick={() => drain.mutate()}>
      {agent.isDrained ? "Let it take runs again" : "Drain"}
    </Button>
  );
}

const drainNote = (agent: AgentItem): string | null => {
  if (agent.drainsItself) {
    return "Somebody on its host asked it to take no more runs. It takes them again there: longshore agent drain --undo";
  }
  if (agent.isDrained) return "It takes no more runs. Those it has go on.";
  return null;
};

function AgentFacts({ agent }: { agent: AgentItem }) {
  const labels = Object.entries(agent.labels);
  return (
    <Panel title="About this agent">
      <dl className="py-2">
        <Fact name="Runtime">{agent.runtime}</Fact>
        <Fact name="Version">
          <span className="font-mono">{agent.version}</span>
        </Fact>
        <Fact name="Warm runners">{agent.warm}</Fact>
        <Fact name="Labels">
          {labels.length === 0
            ? "none"
            : labels.map(([name, value]) => (
                <Tag key={name}>
                  {name}={value}
                </Tag>
              ))}
        </Fact>
        <Fact name="Last seen">
          {agent.lastSeenAt ? <RelativeTime at={new Date(agent.lastSeenAt)} /> : "never"}
        </Fact>
        <Fact name="Silence">
          Its runs go on for {formatDuration(agent.silence.runsForMs)}; others get them after{" "}
          {formatDuration(agent.silence.lostAfterMs)}.
        </Fact>
        <Fact name="Enrolled">
          <RelativeTime at={new Date(agent.enrolledAt)} />
        </Fact>
        <Fact name="Last error">
          {agent.lastError ? (
            <>
              {agent.lastError.message} <RelativeTime at={new Date(agent.lastError.at)} />
            </>
          ) : (
            "none"
          )}
        </Fact>
        <Fact name="Id">
          <span className="font-mono">{agent.id}</span>
        </Fact>
      </dl>
    </Panel>
  );
}

function AgentBody({ agent }: { agent: AgentItem }) {
  const note = drainNote(agent);
  return (
    <div className="space-y-4 p-4 md:p-6">
      {agent.heldBack && (
        <p role="alert" className="rounded-lg border border-warn/40 bg-surface px-4 py-3">
          It takes fewer runs than it has slots: {agent.heldBack}.
        </p>
      )}
      {note && <p className="rounded-lg border bg-surface px-4 py-3 text-soft">{note}</p>}
      <Panel title="Capacity">
        <div className="px-4 py-4">
          <SlotsBar agent={agent} />
        </div>
      </Panel>
      <AgentFacts agent={agent} />
    </div>
  );
}

/** One machine that executes runs: what it has, how it fares, and whether it takes more. */
export function AgentPage({ agentId }: { agentId: string }) {
  const { environmentId } = useEnvironment();
  const { data, error, refetch } = useAgents();
  const agent = data?.data.find(({ id }) => id === agentId);
  useTitle(agent?.name ?? "Agent");
  return (
    <>
      <PageHeader
        title={
          <span className="inline-flex min-w-0 items-center gap-1.5">
            <Link
              to="/env/$environmentId/agents"
              params={{ environmentId }}
              className="text-faint hover:text-ink"
            >
              Agents
            </Link>
            <ChevronRight aria-hidden="true" className="size-3.5 text-faint" />
            <span className="truncate">{agent?.name ?? agentId}</span>
            {agent && <AgentBadge status={agent.status} />}
          </span>
        }
        actions={agent && <DrainButton agent={agent} />}
      />
      <div className="scroll-thin min-h-0 flex-1 overflow-y-auto">
        {agent && <AgentBody agent={agent} />}
        {!data && !error && (
          <div role="status" aria-label="Loading the agent" className="p-4 md:p-6">
            <Skeleton className="h-40" />
          </div>
        )}
        {!data && error && (
          <div className="p-4 md:p-6">
            <ErrorPanel title="The agent could not be read" error={error} onRetry={() => void refetch()} />
          </div>
        )}
        {data && !agent && (
          <EmptyState icon={<Server />} title="There is no such agent here">
            <p>It may serve another environment, or was revoked long ago.</p>
          </EmptyState>
        )}
      </div>
    </>
  );
}
