import { Button, Stack, Table, Text } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useRevokeToken, useTokens } from "../../api/tokens.ts";
import type { ApiToken } from "../../api/types.ts";
import { CapabilityTags } from "../../components/CapabilityTags.tsx";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { NewTokenForm } from "./NewTokenForm.tsx";

/** Personal API tokens: make, see when last used, revoke. */
export function TokensSection() {
  const tokens = useTokens();
  const revoke = useRevokeToken();
  const items = tokens.data?.items ?? [];
  return (
    <Stack gap="md">
      <NewTokenForm />
      <ProblemAlert error={tokens.error ?? revoke.error} />
      <Panel title="Your tokens" flush>
        {items.length === 0 ? (
          <EmptyState icon={IconKey} title="No token yet">
            A token lets the CLI, scripts and MCP clients speak for you. Make one above.
          </EmptyState>
        ) : (
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Scopes</Table.Th>
                <Table.Th>Last used</Table.Th>
                <Table.Th>Expires</Table.Th>
                <Table.Th />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {items.map((token) => (
                <TokenRow key={token.id} token={token} onRevoke={() => revoke.mutate(token.id)} />
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Panel>
    </Stack>
  );
}

function TokenRow({ token, onRevoke }: { token: ApiToken; onRevoke: () => void }) {
  return (
    <Table.Tr>
      <Table.Td>
        {token.name}
        <Text size="xs" c="dimmed" className="mono">
          {token.prefix}…
        </Text>
      </Table.Td>
      <Table.Td>
        <CapabilityTags capabilities={token.scopes} />
      </Table.Td>
      <Table.Td>{token.last_used_at ? <TimeAgo at={token.last_used_at} /> : "never"}</Table.Td>
      <Table.Td>
        {token.expires_at
          ? new Date(token.expires_at).toLocaleDateString("en", { dateStyle: "medium" })
          : "never"}
      </Table.Td>
      <Table.Td ta="right">
        <Button size="xs" variant="default" onClick={onRevoke}>
          Revoke
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
