import { Button, Skeleton } from "@mantine/core";
import { IconSettings, IconUserCode } from "@tabler/icons-react";
import { Link } from "react-router";
import { useAgents } from "../api/agents.ts";
import { useAgentGraph } from "../api/together.ts";
import type { Agent } from "../api/types.ts";
import { CapabilityTags } from "../components/CapabilityTags.tsx";
import { EmptyState } from "../components/EmptyState.tsx";
import { Fold } from "../components/Fold.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { Panel } from "../components/Panel.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { StateBadge } from "../components/StateBadge.tsx";
import { TeamGraph } from "../components/TeamGraph.tsx";
import classes from "./AgentsPage.module.css";

/** Every agent: who can work, and what is missing for those who cannot. */
export function AgentsPage() {
  const agents = useAgents();
  const items = [...(agents.data?.items ?? [])].sort((a, b) => Number(b.available) - Number(a.available));
  return (
    <>
      <PageHeader
        title="Agents"
        description="Agents take tasks like any other target. The deterministic ones need no model; the others say what to set."
        actions={
          <Button component={Link} to="/tasks/new" variant="default">
            New task
          </Button>
        }
      />
      <ProblemAlert error={agents.error} onRetry={() => void agents.refetch()} />
      {agents.isPending && <Skeleton height={160} radius="md" />}
      {agents.data && (
        <Panel flush>
          {items.length === 0 && (
            <EmptyState icon={IconUserCode} title="No agent">
              Custom agents can be made with POST /api/v1/agents.
            </EmptyState>
          )}
          {items.map((agent) => (
            <AgentRow key={agent.id} agent={agent} />
          ))}
        </Panel>
      )}
    </>
  );
}

function AgentRow({ agent }: { agent: Agent }) {
  return (
    <article className={classes.agent} aria-label={agent.name}>
      <div className={classes.head}>
        <span className={classes.name}>{agent.name}</span>
        {!agent.built_in && <span className={classes.kind}>yours</span>}
        <span className={classes.kind}>{agent.kind}</span>
        <span className={classes.state}>
          <StateBadge state={agent.available ? "available" : "unavailable"} />
        </span>
      </div>
      <p className={classes.description}>{agent.description}</p>
      {!agent.available && agent.unavailable_reason && (
        <p className={classes.missing}>
          <IconSettings size={15} stroke={1.7} aria-hidden />
          {agent.unavailable_reason}
        </p>
      )}
      <CapabilityTags capabilities={agent.capabilities} />
      {agent.kind === "team" && (
        <div className={classes.steps}>
          <Fold label={agent.built_in ? "Its steps, with two agents for an example" : "Its steps"}>
            <Steps agentId={agent.id} />
          </Fold>
        </div>
      )}
    </article>
  );
}

function Steps({ agentId }: { agentId: string }) {
  const graph = useAgentGraph(agentId);
  return (
    <>
      <ProblemAlert error={graph.error} />
      {graph.data && <TeamGraph graph={graph.data} />}
    </>
  );
}
