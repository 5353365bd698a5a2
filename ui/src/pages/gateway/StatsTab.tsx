import { SegmentedControl, Skeleton, Table } from "@mantine/core";
import { IconChartBar } from "@tabler/icons-react";
import { Fragment, useState } from "react";
import { Link } from "react-router";
import { useCallStats } from "../../api/gateway.ts";
import type { ServerStats, Window } from "../../api/types.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { count, millis } from "../../lib/format.ts";
import classes from "./Gateway.module.css";

const WINDOWS: { value: Window; label: string }[] = [
  { value: "1h", label: "Hour" },
  { value: "24h", label: "Day" },
  { value: "7d", label: "Week" },
  { value: "30d", label: "Month" },
];

/** Calls, errors, refusals and times, per server and per tool. */
export function StatsTab() {
  const [window, setWindow] = useState<Window>("24h");
  const stats = useCallStats(window);
  const called = (stats.data?.items ?? [])
    .filter((server) => server.calls)
    .sort((a, b) => (b.calls ?? 0) - (a.calls ?? 0));
  return (
    <Panel
      flush
      title="Calls"
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Over how long"
          data={WINDOWS}
          value={window}
          onChange={(next) => setWindow(next as Window)}
        />
      }
    >
      <ProblemAlert error={stats.error} onRetry={() => void stats.refetch()} />
      {stats.isPending && <Skeleton height={120} radius={0} />}
      {stats.data && called.length === 0 && (
        <EmptyState icon={IconChartBar} title="Nothing was called">
          Calls of every client, task and agent are counted here as soon as there are any.
        </EmptyState>
      )}
      {called.length > 0 && <StatsTable servers={called} />}
    </Panel>
  );
}

function StatsTable({ servers }: { servers: ServerStats[] }) {
  return (
    <Table className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Server, tool</Table.Th>
          {["Calls", "Errors", "Refused", "p50", "p95", "p99"].map((name) => (
            <Table.Th key={name} className={classes.number}>
              {name}
            </Table.Th>
          ))}
          <Table.Th className={classes.right}>Last</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {servers.map((server) => (
          <Fragment key={server.id}>
            <Table.Tr className={classes.whole}>
              <Table.Td>
                <Link to={`/servers/${server.id}`}>{server.name}</Link>
              </Table.Td>
              <Numbers of={server} />
            </Table.Tr>
            {(server.tools ?? []).map((tool) => (
              <Table.Tr key={tool.tool}>
                <Table.Td className={classes.part}>{tool.tool}</Table.Td>
                <Numbers of={tool} />
              </Table.Tr>
            ))}
            {Boolean(server.other_tools?.calls) && (
              <Table.Tr>
                <Table.Td className={classes.part} title="Held back, denied to you, or not there">
                  others
                </Table.Td>
                <Numbers of={server.other_tools ?? {}} />
              </Table.Tr>
            )}
          </Fragment>
        ))}
      </Table.Tbody>
    </Table>
  );
}

type Counted = Omit<
  ServerStats,
  "id" | "name" | "running" | "succeeded" | "failed" | "tools" | "other_tools"
>;

function Numbers({ of }: { of: Counted }) {
  return (
    <>
      <Table.Td className={classes.number}>{count(of.calls ?? 0)}</Table.Td>
      <Table.Td className={classes.number}>{count(of.errors ?? 0)}</Table.Td>
      <Table.Td className={classes.number}>{count(of.refused ?? 0)}</Table.Td>
      <Table.Td className={classes.number}>{millis(of.p50_ms)}</Table.Td>
      <Table.Td className={classes.number}>{millis(of.p95_ms)}</Table.Td>
      <Table.Td className={classes.number}>{millis(of.p99_ms)}</Table.Td>
      <Table.Td className={classes.right}>
        <TimeAgo at={of.last_used} />
      </Table.Td>
    </>
  );
}
