import { Button, Skeleton, Stack, Table } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useApprovals, useDeleteRule, useRevokeApproval, useRules } from "../../api/gateway.ts";
import { useProjects } from "../../api/projects.ts";
import { useServers } from "../../api/servers.ts";
import type { Rule } from "../../api/types.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { plural } from "../../lib/format.ts";
import { ExplainCall } from "./ExplainCall.tsx";
import classes from "./Gateway.module.css";
import { NewRuleForm } from "./NewRuleForm.tsx";

/** The rules that may speak of the reader's calls, a form for one more, and which of them decides. */
export function RulesTab() {
  const rules = useRules();
  const remove = useDeleteRule();
  const items = rules.data?.items ?? [];
  return (
    <Stack gap="md">
      <NewRuleForm />
      <Panel flush title={rules.data ? plural(rules.data.total, "rule") : "Rules"}>
        <ProblemAlert error={rules.error ?? remove.error} onRetry={() => void rules.refetch()} />
        {rules.isPending && <Skeleton height={90} radius={0} />}
        {rules.data && items.length === 0 && (
          <EmptyState icon={IconShieldCheck} title="No rule yet">
            Without a rule every call is allowed. A rule can deny a tool, or have a person asked before each call.
          </EmptyState>
        )}
        {items.length > 0 && <RuleTable rules={items} onRemove={(id) => remove.mutate(id)} />}
      </Panel>
      <ExplainCall />
      <AlwaysAllowed />
    </Stack>
  );
}

function RuleTable({ rules, onRemove }: { rules: Rule[]; onRemove: (id: string) => void }) {
  const nameOf = useNames();
  return (
    <Table className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Effect</Table.Th>
          <Table.Th>Tool</Table.Th>
          <Table.Th>Whose</Table.Th>
          <Table.Th>Only</Table.Th>
          <Table.Th>Why</Table.Th>
          <Table.Th />
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rules.map((rule) => (
          <Table.Tr key={rule.id}>
            <Table.Td>
              <StateBadge state={rule.effect} />
            </Table.Td>
            <Table.Td>
              <span className={classes.name}>{rule.tool === "*" ? "every tool" : rule.tool}</span>
              <div className={classes.server}>{rule.server_id ? nameOf(rule.server_id) : "of any server"}</div>
            </Table.Td>
            <Table.Td className={classes.dim}>{WHOSE[rule.level ?? "user"]}</Table.Td>
            <Table.Td className={classes.dim}>{narrowed(rule, nameOf)}</Table.Td>
            <Table.Td className={classes.words}>{rule.reason || "–"}</Table.Td>
            <Table.Td ta="right">
              <Button
                size="xs"
                variant="default"
                aria-label={`Remove the rule about ${rule.tool}`}
                onClick={() => onRemove(rule.id)}
              >
                Remove
              </Button>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

const WHOSE: Record<NonNullable<Rule["level"]>, string> = { service: "everybody", project: "a project", user: "you" };

function narrowed(rule: Rule, nameOf: (id: string) => string): string {
  const parts = [
    rule.project_id && `in ${nameOf(rule.project_id)}`,
    rule.roles?.length && `for ${rule.roles.join(", ").replaceAll("_", " ")}`,
    ...Object.entries(rule.annotations ?? {}).map(
      ([name, value]) => `${value ? "" : "not "}${name.replace("Hint", "")}`,
    ),
  ];
  return parts.filter(Boolean).join("; ") || "–";
}

/** Names of servers and projects by their ids. */
function useNames(): (id: string) => string {
  const servers = useServers();
  const projects = useProjects();
  const names = new Map([
    ...(servers.data?.items ?? []).map((one) => [one.id, one.name] as const),
    ...(projects.data?.items ?? []).map((one) => [one.project_id, one.name] as const),
  ]);
  return (id) => names.get(id) ?? "the orchestrator";
}

function AlwaysAllowed() {
  const approvals = useApprovals();
  const revoke = useRevokeApproval();
  const nameOf = useNames();
  const items = approvals.data?.items ?? [];
  if (items.length === 0) return <ProblemAlert error={approvals.error} />;
  return (
    <Panel flush title="What you always allow" note="where a rule would ask you">
      <ProblemAlert error={revoke.error} />
      <Table className={classes.table}>
        <Table.Tbody>
          {items.map((one) => (
            <Table.Tr key={one.id}>
              <Table.Td>
                <span className={classes.name}>{one.tool}</span>
                <div className={classes.server}>{nameOf(one.server_id)}</div>
              </Table.Td>
              <Table.Td className={classes.dim}>{one.project_id ? `in ${nameOf(one.project_id)}` : ""}</Table.Td>
              <Table.Td className={classes.right}>
                <TimeAgo at={one.created_at} />
              </Table.Td>
              <Table.Td ta="right">
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`Ask me again about ${one.tool}`}
                  onClick={() => revoke.mutate(one.id)}
                >
                  Ask me again
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Panel>
  );
}
