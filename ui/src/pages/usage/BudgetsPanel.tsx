import { Button, Group, NumberInput, Progress, Select, Stack, Table, Text } from "@mantine/core";
import { useState } from "react";
import { asProblem } from "../../api/problem.ts";
import { useProjects } from "../../api/projects.ts";
import type { Budget, NewBudget } from "../../api/types.ts";
import { useBudgets, useDropBudget, useSetBudget } from "../../api/usage.ts";
import { ConfirmButton } from "../../components/ConfirmButton.tsx";
import { Fold } from "../../components/Fold.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { count, dollars } from "../../lib/format.ts";
import classes from "../UsagePage.module.css";

const PERIODS = [
  { value: "day", label: "a day" },
  { value: "week", label: "a week" },
  { value: "month", label: "a month" },
  { value: "total", label: "in all" },
];

/** What a project's tasks, or all of one's own, may use; set and dropped here. */
export function BudgetsPanel() {
  const budgets = useBudgets();
  const drop = useDropBudget();
  const nameOf = useProjectNames();
  const items = budgets.data?.items ?? [];
  return (
    <Panel flush title="Budgets" note="a task that reaches one pauses and asks">
      <ProblemAlert error={budgets.error ?? drop.error} onRetry={() => void budgets.refetch()} />
      {budgets.data && items.length === 0 && (
        <Text size="sm" p="md" className={classes.dim}>
          None is set.
        </Text>
      )}
      {items.length > 0 && (
        <Table className={classes.table}>
          <Table.Tbody>
            {items.flatMap((one) =>
              capsOf(one, one.project_id ? nameOf(one.project_id) : "Yours", () =>
                drop.mutate(one.budget_id),
              ),
            )}
          </Table.Tbody>
        </Table>
      )}
      <Fold label="Set a budget">
        <BudgetForm />
      </Fold>
    </Panel>
  );
}

function useProjectNames(): (id: string) => string {
  const projects = useProjects();
  return (id) => projects.data?.items.find((one) => one.project_id === id)?.name ?? id.slice(0, 8);
}

function capsOf(one: Budget, whose: string, onDrop: () => void) {
  const caps: [string, number | null | undefined, number, (value: number) => string][] = [
    ["money", one.money, one.used_money, dollars],
    ["tokens", one.tokens, one.used_tokens, count],
    ["tool calls", one.tool_calls, one.used_tool_calls, count],
  ];
  return caps
    .filter(([, most]) => most)
    .map(([name, most, used, shown], index) => {
      const share = Math.min(100, (100 * used) / (most ?? 1));
      return (
        <Table.Tr key={one.budget_id + name}>
          <Table.Td>{whose}</Table.Td>
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
          <Table.Td className={classes.number}>
            {index === 0 && (
              <ConfirmButton
                size="xs"
                label="Drop"
                question="Tasks that wait for it go on, and nothing limits them here any more."
                confirm="Drop it"
                onConfirm={onDrop}
              />
            )}
          </Table.Td>
        </Table.Tr>
      );
    });
}

const EMPTY: NewBudget = { project_id: null, period: "month", money: null, tokens: null, tool_calls: null };

function BudgetForm() {
  const projects = useProjects();
  const set = useSetBudget();
  const [budget, change] = useState<NewBudget>(EMPTY);
  const fields = set.error ? asProblem(set.error).fields : {};
  const cap = (name: "money" | "tokens" | "tool_calls", label: string, allowDecimal = false) => (
    <NumberInput
      label={label}
      placeholder="No limit"
      min={0}
      allowDecimal={allowDecimal}
      thousandSeparator=","
      value={budget[name] ?? ""}
      error={fields[name]}
      onChange={(value) => change({ ...budget, [name]: value === "" ? null : Number(value) })}
    />
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        set.mutate(budget, { onSuccess: () => change(EMPTY) });
      }}
    >
      <Stack gap={16} p="md">
        <Group grow align="flex-start">
          <Select
            label="Whose"
            placeholder="Mine, over all tasks"
            clearable
            data={(projects.data?.items ?? []).map((one) => ({ value: one.project_id, label: one.name }))}
            value={budget.project_id ?? null}
            error={fields.project_id}
            onChange={(project_id) => change({ ...budget, project_id })}
          />
          <Select
            label="Per"
            data={PERIODS}
            allowDeselect={false}
            value={budget.period ?? "month"}
            onChange={(period) => change({ ...budget, period: period as NewBudget["period"] })}
          />
        </Group>
        <Group grow align="flex-start">
          {cap("money", "Dollars", true)}
          {cap("tokens", "Tokens")}
          {cap("tool_calls", "Tool calls")}
        </Group>
        <Group gap={10}>
          <Button
            type="submit"
            loading={set.isPending}
            disabled={!budget.money && !budget.tokens && !budget.tool_calls}
          >
            Set
          </Button>
          <Text size="xs" c="dimmed">
            It takes the place of an earlier one for the same time.
          </Text>
        </Group>
        <ProblemAlert error={set.error} />
      </Stack>
    </form>
  );
}
