import { Button, Skeleton, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { Problem } from "../api/problem.ts";
import { useServers } from "../api/servers.ts";
import type { McpServer } from "../api/types.ts";
import { CapabilityTags } from "../components/CapabilityTags.tsx";
import { EmptyState } from "../components/EmptyState.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { Panel } from "../components/Panel.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { StateBadge } from "../components/StateBadge.tsx";
import { TimeAgo } from "../components/TimeAgo.tsx";
import { stateOf } from "./server/state.ts";
import { ImportServers } from "./server/ImportServers.tsx";
import classes from "./ServersPage.module.css";

/** The registry of MCP servers: health, what they can do, and the way to add more. */
export function ServersPage() {
  const servers = useServers();
  const [adding, add] = useDisclosure();
  const items = servers.data?.items;
  return (
    <>
      <PageHeader
        title="MCP servers"
        description="Their tools carry tasks out. Each is probed in turn; one that is down takes nothing else with it."
        actions={
          <Button leftSection={<IconPlus size={16} />} onClick={add.open}>
            Add servers
          </Button>
        }
      />
      <LoggedIn />
      <ImportServers opened={adding} onClose={add.close} />
      <ProblemAlert error={servers.error} onRetry={() => void servers.refetch()} />
      {servers.isPending && <Skeleton height={180} radius="md" />}
      {items?.length === 0 && (
        <Panel>
          <EmptyState
            icon={IconPlugConnected}
            title="No MCP server yet"
            action={<Button onClick={add.open}>Add servers</Button>}
          >
            Paste the mcpServers configuration that other MCP clients use.
          </EmptyState>
        </Panel>
      )}
      {items && items.length > 0 && (
        <Panel flush>
          <ServerTable servers={items} />
        </Panel>
      )}
    </>
  );
}

/** How a log-in at a server's own authorization server ended; it sends people back here. */
function LoggedIn() {
  const [params] = useSearchParams();
  const failed = params.get("error");
  if (failed)
    return <ProblemAlert error={new Problem(0, { code: failed, detail: "The log-in was not finished." })} />;
  if (!params.has("connected")) return null;
  return (
    <Text size="sm" role="status" mb="sm">
      You are logged in there now; its tools are yours to use.
    </Text>
  );
}

function ServerTable({ servers }: { servers: McpServer[] }) {
  const navigate = useNavigate();
  return (
    <Table highlightOnHover className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Server</Table.Th>
          <Table.Th>Health</Table.Th>
          <Table.Th className={classes.capabilities}>Capabilities</Table.Th>
          <Table.Th>Tools</Table.Th>
          <Table.Th className={classes.right}>Probed</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {servers.map((server) => (
          <Table.Tr key={server.id} className={classes.row} onClick={() => navigate(`/servers/${server.id}`)}>
            <Table.Td className={classes.server}>
              <Link
                to={`/servers/${server.id}`}
                className={classes.name}
                onClick={(event) => event.stopPropagation()}
              >
                {server.name}
              </Link>
              <div className={classes.transport}>{server.transport.replace("_", " ")}</div>
            </Table.Td>
            <Table.Td className={classes.health}>
              <StateBadge state={stateOf(server)} />
            </Table.Td>
            <Table.Td className={classes.capabilities}>
              <CapabilityTags capabilities={server.capabilities} limit={6} />
            </Table.Td>
            <Table.Td className={classes.number}>
              {server.tools}
              {server.quarantined > 0 && <div className={classes.held}>{server.quarantined} held back</div>}
            </Table.Td>
            <Table.Td className={classes.right}>
              {server.transport === "builtin" ? "in process" : <TimeAgo at={server.probed_at} />}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
