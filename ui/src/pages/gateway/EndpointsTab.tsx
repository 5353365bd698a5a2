import { Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconRouteAltLeft } from "@tabler/icons-react";
import { useDeleteEndpoint, useEndpoints } from "../../api/gateway.ts";
import { useServers } from "../../api/servers.ts";
import type { Endpoint } from "../../api/types.ts";
import { CapabilityTags } from "../../components/CapabilityTags.tsx";
import { CodeBlock } from "../../components/CodeBlock.tsx";
import { ConfirmButton } from "../../components/ConfirmButton.tsx";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { plural } from "../../lib/format.ts";
import { ChangeEndpointForm } from "./ChangeEndpointForm.tsx";
import classes from "./Gateway.module.css";
import { NewEndpointForm } from "./NewEndpointForm.tsx";

/** Addresses for MCP clients, each with the servers and tools it shows. */
export function EndpointsTab() {
  const endpoints = useEndpoints();
  const items = endpoints.data?.items ?? [];
  return (
    <Stack gap="md">
      <Panel title="Everything" note="all servers you may use, and the orchestrator's own tools">
        <CodeBlock label="address of the endpoint with everything" text={`${window.location.origin}/mcp`} />
      </Panel>
      <NewEndpointForm />
      <Panel flush title={endpoints.data ? plural(items.length, "endpoint") : "Endpoints"}>
        <ProblemAlert error={endpoints.error} onRetry={() => void endpoints.refetch()} />
        {endpoints.isPending && <Skeleton height={90} radius={0} />}
        {endpoints.data && items.length === 0 && (
          <EmptyState icon={IconRouteAltLeft} title="No endpoint yet">
            An endpoint is an address with chosen servers and tools, for one client, agent or project.
          </EmptyState>
        )}
        {items.map((one) => (
          <Shown key={one.name} endpoint={one} />
        ))}
      </Panel>
    </Stack>
  );
}

function Shown({ endpoint }: { endpoint: Endpoint }) {
  const servers = useServers();
  const remove = useDeleteEndpoint();
  const [changing, change] = useDisclosure();
  const chosen = endpoint.servers ?? [];
  const names = (servers.data?.items ?? []).filter((one) => chosen.includes(one.id)).map((one) => one.name);
  const kinds = [
    endpoint.prefix ? "prefixed names" : "names as they are",
    endpoint.own_tools && "own tools",
    endpoint.read_only && "read only",
    endpoint.search && "tools are searched for",
    endpoint.project_id && "a project's",
    !endpoint.owner_id && !endpoint.project_id && "everybody's",
  ].filter(Boolean);
  return (
    <article className={classes.endpoint} aria-label={endpoint.name}>
      <div className={classes.head}>
        <span className={classes.name}>{endpoint.name}</span>
        <CapabilityTags capabilities={chosen.length ? names : ["all servers"]} />
        <Group gap={8}>
          <Button variant="default" aria-expanded={changing} onClick={change.toggle}>
            Change
          </Button>
          <ConfirmButton
            label="Delete"
            question={`Take ${endpoint.name} away? Its clients lose their address; the servers stay.`}
            confirm="Delete it"
            busy={remove.isPending}
            onConfirm={() => remove.mutate(endpoint.name)}
          />
        </Group>
      </div>
      {endpoint.description && <Text size="sm">{endpoint.description}</Text>}
      <Text size="xs" c="dimmed">
        {kinds.join(" · ")}
        {endpoint.tools && endpoint.tools.length > 0 && ` · only ${endpoint.tools.join(", ")}`}
      </Text>
      <ProblemAlert error={remove.error} />
      {changing && <ChangeEndpointForm endpoint={endpoint} onDone={change.close} />}
      <CodeBlock label={`address of ${endpoint.name}`} text={endpoint.url} />
    </article>
  );
}
