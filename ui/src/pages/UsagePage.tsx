import { Progress, SegmentedControl, Skeleton, Stack, Table, Text } from "@mantine/core";
import { IconCoins } from "@tabler/icons-react";
import { useState } from "react";
import type { Budget, Price, Spent, SpentBy } from "../api/types.ts";
import { useBudgets, usePrices, useQuota, useUsage } from "../api/usage.ts";
import { EmptyState } from "../components/EmptyState.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { Panel } from "../components/Panel.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { TimeAgo } from "../components/TimeAgo.tsx";
import { count, duration, plural } from "../lib/format.ts";
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
        <Budgets />
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

function Budgets() {
  const budgets = useBudgets();
  const items = budgets.data?.items ?? [];
  return (
    <Panel flush title="Budgets" note="a task that reaches one pauses and asks">
      <ProblemAlert error={budgets.error} onRetry={() => void budgets.refetch()} />
      {budgets.data && items.length === 0 && (
        <Text size="sm" p="md" className={classes.dim}>
          None is set. PUT /api/v1/budgets or `orchestrator usage budget` sets one for a project or for
          yourself.
        </Text>
      )}
      {items.length > 0 && (
        <Table className={classes.table}>
          <Table.Tbody>{items.flatMap((one) => capsOf(one))}</Table.Tbody>
        </Table>
      )}
    </Panel>
  );
}

function capsOf(one: Budget) {
  const caps: [string, number | null | undefined, number, (value: number) => string][] = [
    ["money", one.money, one.used_money, dollars],
    ["tokens", one.tokens, one.used_tokens, count],
    ["tool calls", one.tool_calls, one.used_tool_calls, count],
  ];
  return caps
    .filter(([, most]) => most)
    .map(([name, most, used, shown]) => {
      const share = Math.min(100, (100 * used) / (most ?? 1));
      return (
        <Table.Tr key={one.budget_id + name}>
          <Table.Td>{one.project_id ? `Project ${one.project_id.slice(0, 8)}` : "Yours"}</Table.Td>
          <Table.Td className={classes.dim}>
            {name}, {one.period === "total" ? "in all" : `per ${one.period}`}
          </Table.Td>
          <Table.Td className={classes.bar}>
            <Progress
              value={share}
              color={share >= 100 ? "red" : share >= 80 ? "yellow" : undefined}
              aria-label={`${name} used`}
            />
          </Table.Td>
          <Table.Td className={classes.number}>
            {shown(used)} of {shown(most ?? 0)}
          </Table.Td>
        </Table.Tr>
      );
    });
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

function dollars(value: number): string {
  return `$${value.toFixed(value > 0 && value < 0.01 ? 4 : 2)}`;
}
