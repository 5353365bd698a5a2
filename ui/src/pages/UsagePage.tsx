import { SegmentedControl, Skeleton, Stack, Table, Text } from "@mantine/core";
import { IconCoins } from "@tabler/icons-react";
import { useState } from "react";
import type { Price, Spent, SpentBy } from "../api/types.ts";
import { usePrices, useQuota, useUsage } from "../api/usage.ts";
import { EmptyState } from "../components/EmptyState.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { Panel } from "../components/Panel.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { TimeAgo } from "../components/TimeAgo.tsx";
import { count, dollars, duration, plural } from "../lib/format.ts";
import { BudgetsPanel } from "./usage/BudgetsPanel.tsx";
import classes from "./UsagePage.module.css";

const BY: { value: SpentBy; label: string }[] = [
  { value: "day", label: "Day" },
  { value: "agent", label: "Agent" },
  { value: "project", label: "Project" },
  { value: "model", label: "Model" },
];
const DAYS = 30;

/** What agents used in the last month, what they may use, and who takes no more right now. */
export function UsagePage() {
  return (
    <>
      <PageHeader
        title="Usage"
        description="Tokens, tool calls, money and time of agents, and the limits on them."
      />
      <Stack gap="md">
        <Stopped />
        <Used />
        <BudgetsPanel />
        <Prices />
      </Stack>
    </>
  );
}

function Used() {
  const [by, setBy] = useState<SpentBy>("day");
  const usage = useUsage(by, DAYS);
  const items = usage.data?.items ?? [];
  return (
    <Panel
      flush
      title={`The last ${DAYS} days`}
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Added up by"
          data={BY}
          value={by}
          onChange={(next) => setBy(next as SpentBy)}
        />
      }
    >
      <ProblemAlert error={usage.error} onRetry={() => void usage.refetch()} />
      {usage.isPending && <Skeleton height={120} radius={0} />}
      {usage.data && items.length === 0 && (
        <EmptyState icon={IconCoins} title="No agent worked yet">
          What agents use is counted here, attempt by attempt, as soon as one works.
        </EmptyState>
      )}
      {usage.data && items.length > 0 && (
        <Table className={classes.table}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{BY.find((one) => one.value === by)?.label}</Table.Th>
              {["Tasks", "Requests", "Tokens in", "Tokens out", "Tool calls", "Money", "Time"].map((name) => (
                <Table.Th key={name} className={classes.number}>
                  {name}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((one) => (
              <SpentRow key={one.key} name={one.label ?? (one.key || "none")} of={one} />
            ))}
          </Table.Tbody>
          {items.length > 1 && (
            <Table.Tfoot className={classes.total}>
              <SpentRow name="Together" of={usage.data.total} />
            </Table.Tfoot>
          )}
        </Table>
      )}
    </Panel>
  );
}

function SpentRow({ name, of }: { name: string; of: Spent }) {
  return (
    <Table.Tr>
      <Table.Td>{name}</Table.Td>
      {[of.tasks, of.requests, of.input_tokens, of.output_tokens, of.tool_calls].map((value, index) => (
        <Table.Td key={index} className={classes.number}>
          {count(value)}
        </Table.Td>
      ))}
      <Table.Td
        className={classes.number}
        title={
          of.unpriced_tokens > 0
            ? `and ${plural(of.unpriced_tokens, "token")} without a known price`
            : undefined
        }
      >
        {dollars(of.money)}
        {of.unpriced_tokens > 0 && " +?"}
      </Table.Td>
      <Table.Td className={classes.number}>{duration(of.seconds)}</Table.Td>
    </Table.Tr>
  );
}

function Prices() {
  const prices = usePrices();
  const items = prices.data?.items ?? [];
  return (
    <Panel flush title="Prices" note="US dollars for a million tokens">
      <ProblemAlert error={prices.error} onRetry={() => void prices.refetch()} />
      {prices.data && items.length === 0 && (
        <Text size="sm" p="md" className={classes.dim}>
          None is set, so money is not counted and no limit on it can be held. PUT /api/v1/prices or
          `orchestrator usage price` sets one.
        </Text>
      )}
      {items.length > 0 && (
        <Table className={classes.table}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Model</Table.Th>
              <Table.Th>From</Table.Th>
              {["In", "Cached", "Out"].map((name) => (
                <Table.Th key={name} className={classes.number}>
                  {name}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((one) => (
              <PriceLine key={one.price_id} of={one} />
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Panel>
  );
}

function PriceLine({ of }: { of: Price }) {
  return (
    <Table.Tr>
      <Table.Td>
        {of.model} <span className={classes.dim}>{of.everybodys ? "everybody's" : "yours"}</span>
      </Table.Td>
      <Table.Td className={classes.dim}>{of.valid_from}</Table.Td>
      {[of.input, of.cached ?? of.input, of.output].map((value, index) => (
        <Table.Td key={index} className={classes.number}>
          {dollars(value)}
        </Table.Td>
      ))}
    </Table.Tr>
  );
}

function Stopped() {
  const quota = useQuota();
  const items = quota.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Panel flush title="Accounts that take no more" note="no agent of theirs is started until then">
      <Table className={classes.table}>
        <Table.Tbody>
          {items.map((one) => (
            <Table.Tr key={one.account}>
              <Table.Td>{one.account}</Table.Td>
              <Table.Td>
                <TimeAgo at={one.until} />
              </Table.Td>
              <Table.Td className={classes.dim}>{plural(one.tasks, "task")} waiting</Table.Td>
              <Table.Td className={`${classes.dim} ${classes.words}`}>{one.why}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Panel>
  );
}
