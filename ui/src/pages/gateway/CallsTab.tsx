import { Group, Pagination, Select, Skeleton, Table, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconListDetails } from "@tabler/icons-react";
import { useState } from "react";
import { useCalls } from "../../api/gateway.ts";
import { useServers } from "../../api/servers.ts";
import type { Outcome, ToolCallRecord } from "../../api/types.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { millis, plural, words } from "../../lib/format.ts";
import classes from "./Gateway.module.css";

const PAGE = 25;
const OUTCOMES: Outcome[] = [
  "ok",
  "tool_error",
  "refused",
  "invalid_input",
  "timeout",
  "cancelled",
  "unreachable",
  "misbehaved",
  "failed",
  "input_required",
];

/** Every tool call that the reader may know of, newest first. */
export function CallsTab() {
  const servers = useServers();
  const [page, setPage] = useState(1);
  const [server, setServer] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [tool, setTool] = useState("");
  const [asked] = useDebouncedValue(tool.trim(), 300);
  const calls = useCalls({
    server_id: server ?? undefined,
    tool: asked || undefined,
    outcome: outcome ?? undefined,
    limit: PAGE,
    offset: (page - 1) * PAGE,
  });
  const data = calls.data;
  const filtered = Boolean(server || outcome || asked);
  return (
    <Panel
      flush
      title={data ? plural(data.total, "call") : "Calls"}
      note="arguments are kept as a digest only"
    >
      <div className={classes.filters}>
        <Select
          aria-label="Server"
          placeholder="Any server"
          size="xs"
          clearable
          searchable
          data={(servers.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))}
          value={server}
          onChange={(next) => {
            setServer(next);
            setPage(1);
          }}
        />
        <TextInput
          aria-label="Tool"
          placeholder="Any tool"
          size="xs"
          maxLength={200}
          value={tool}
          onChange={(event) => {
            setTool(event.currentTarget.value);
            setPage(1);
          }}
        />
        <Select
          aria-label="Outcome"
          placeholder="Any outcome"
          size="xs"
          clearable
          data={OUTCOMES.map((value) => ({ value, label: words(value) }))}
          value={outcome}
          onChange={(next) => {
            setOutcome(next as Outcome | null);
            setPage(1);
          }}
        />
      </div>
      <ProblemAlert error={calls.error} onRetry={() => void calls.refetch()} />
      {calls.isPending && <Skeleton height={120} radius={0} />}
      {data?.items.length === 0 && (
        <EmptyState icon={IconListDetails} title={filtered ? "No such call" : "No call yet"}>
          {filtered
            ? "Nothing on record fits these filters."
            : "Calls over MCP and REST, of tasks and of agents are recorded here, refused ones too."}
        </EmptyState>
      )}
      {data && data.items.length > 0 && <CallTable calls={data.items} />}
      {data && data.total > PAGE && (
        <Group justify="center" p="sm">
          <Pagination size="sm" total={Math.ceil(data.total / PAGE)} value={page} onChange={setPage} />
        </Group>
      )}
    </Panel>
  );
}

function CallTable({ calls }: { calls: ToolCallRecord[] }) {
  return (
    <Table className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Tool</Table.Th>
          <Table.Th>Outcome</Table.Th>
          <Table.Th>Who</Table.Th>
          <Table.Th>Came by</Table.Th>
          <Table.Th>Arguments</Table.Th>
          <Table.Th className={classes.number}>Took</Table.Th>
          <Table.Th className={classes.right}>When</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {calls.map((call) => (
          <Table.Tr key={call.id}>
            <Table.Td>
              <span className={classes.name}>{call.tool}</span>
              <div className={classes.server}>{call.server}</div>
            </Table.Td>
            <Table.Td>
              <StateBadge state={call.outcome} reason={call.reason} />
              {call.confirmed && <div className={classes.server}>agreed to {call.confirmed}</div>}
            </Table.Td>
            <Table.Td className={classes.dim}>{call.user ?? "account is gone"}</Table.Td>
            <Table.Td className={classes.dim}>
              {call.door}
              {call.endpoint && ` · ${call.endpoint}`}
              {call.agent && ` · ${call.agent}`}
            </Table.Td>
            <Table.Td>
              <span className={classes.name} title={call.arguments_digest}>
                {call.arguments_digest.slice(0, 12)}
              </span>
            </Table.Td>
            <Table.Td className={classes.number}>{millis(call.ms)}</Table.Td>
            <Table.Td className={classes.right}>
              <TimeAgo at={call.at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
