import { Button, Skeleton, Table } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { plural } from "../lib/format.ts";
import { EmptyState } from "./EmptyState.tsx";
import { Panel } from "./Panel.tsx";
import { ProblemAlert } from "./ProblemAlert.tsx";
import classes from "./Rules.module.css";
import { StateBadge } from "./StateBadge.tsx";

export interface RuleRow {
  id: string;
  effect: string;
  /** What it speaks of, for the name of its button. */
  about: string;
  what: ReactNode;
  whose: ReactNode;
  where: ReactNode;
  reason?: string;
}

interface Props {
  rules: { data?: { total: number }; error: unknown; isPending: boolean; refetch: () => unknown };
  rows: RuleRow[];
  /** What the columns of ``what``, ``whose`` and ``where`` are called. */
  heads: [string, string, string];
  /** What holds while there is none. */
  without: string;
  remove: { error: unknown; mutate: (id: string) => void };
}

/** Rules as a table, each with its effect, its reason and a way to take it away. */
export function RulesPanel({ rules, rows, heads, without, remove }: Props) {
  return (
    <Panel flush title={rules.data ? plural(rules.data.total, "rule") : "Rules"}>
      <ProblemAlert error={rules.error ?? remove.error} onRetry={() => void rules.refetch()} />
      {rules.isPending && <Skeleton height={90} radius={0} />}
      {rules.data && rows.length === 0 && (
        <EmptyState icon={IconShieldCheck} title="No rule yet">
          {without}
        </EmptyState>
      )}
      {rows.length > 0 && (
        <Table className={classes.table}>
          <Table.Thead>
            <Table.Tr>
              {["Effect", ...heads, "Why"].map((head) => (
                <Table.Th key={head}>{head}</Table.Th>
              ))}
              <Table.Th aria-label="Remove" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.id}>
                <Table.Td>
                  <StateBadge state={row.effect} />
                </Table.Td>
                <Table.Td className={classes.what}>{row.what}</Table.Td>
                <Table.Td className={classes.dim} data-head={heads[1]}>
                  {row.whose}
                </Table.Td>
                <Table.Td className={classes.dim} data-head={heads[2]}>
                  {row.where}
                </Table.Td>
                <Table.Td className={classes.words} data-head="Why">
                  {row.reason || "–"}
                </Table.Td>
                <Table.Td ta="right">
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`Remove the rule about ${row.about}`}
                    onClick={() => remove.mutate(row.id)}
                  >
                    Remove
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Panel>
  );
}
