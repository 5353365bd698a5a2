import { Stack, Table, Text } from "@mantine/core";
import { IconPlugConnected } from "@tabler/icons-react";
import { useApplications, useDisconnect } from "../../api/applications.ts";
import type { Application } from "../../api/types.ts";
import { CapabilityTags } from "../../components/CapabilityTags.tsx";
import { ConfirmButton } from "../../components/ConfirmButton.tsx";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";

/** Programs that logged in through the browser and use the MCP endpoints: see them, end them. */
export function ApplicationsSection() {
  const applications = useApplications();
  const disconnect = useDisconnect();
  const items = applications.data?.items ?? [];
  return (
    <Stack gap="md">
      <ProblemAlert error={applications.error ?? disconnect.error} />
      <Panel title="Connected programs" flush>
        {items.length === 0 ? (
          <EmptyState icon={IconPlugConnected} title="No program yet">
            Give an MCP client the address {window.location.origin}/mcp and no token: it opens this console,
            and you decide what it may do.
          </EmptyState>
        ) : (
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Program</Table.Th>
                <Table.Th>May</Table.Th>
                <Table.Th>At</Table.Th>
                <Table.Th>Last renewed</Table.Th>
                <Table.Th />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {items.map((each) => (
                <ApplicationRow key={each.id} application={each} onEnd={() => disconnect.mutate(each.id)} />
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Panel>
    </Stack>
  );
}

function ApplicationRow({ application, onEnd }: { application: Application; onEnd: () => void }) {
  return (
    <Table.Tr>
      <Table.Td>
        <bdi>{application.name}</bdi>
        <Text size="xs" c="dimmed" className="mono">
          {application.host}
        </Text>
        <Text size="xs" c="dimmed">
          {standing(application)}
        </Text>
      </Table.Td>
      <Table.Td>
        <CapabilityTags capabilities={application.scopes} />
      </Table.Td>
      <Table.Td className="mono">{application.resources.join(", ")}</Table.Td>
      <Table.Td>
        <TimeAgo at={application.last_used_at} />
      </Table.Td>
      <Table.Td ta="right">
        <ConfirmButton
          label="Disconnect"
          confirm="Disconnect"
          question="It loses its access at once, and has to ask again."
          onConfirm={onEnd}
        />
      </Table.Td>
    </Table.Tr>
  );
}

function standing({ connections, remembered }: Application): string {
  const times =
    connections === 0 ? "not connected now" : connections === 1 ? "" : `connected ${connections} times`;
  return [times, remembered ? "connects without asking" : ""].filter(Boolean).join(", ");
}
