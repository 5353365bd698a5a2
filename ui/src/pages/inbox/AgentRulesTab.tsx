import { Button, Skeleton, Stack, Table } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useAgentRules, useDeleteAgentRule } from "../../api/agentRules.ts";
import { useAgents } from "../../api/agents.ts";
import { useProjects } from "../../api/projects.ts";
import type { AgentRule } from "../../api/types.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { plural } from "../../lib/format.ts";
import { NewAgentRuleForm } from "./NewAgentRuleForm.tsx";
import classes from "./Rules.module.css";

const WHOSE = { service: "everybody", project: "a project", user: "you" } as const;

/** The rules about what agents do, a form for one more, and a way to take each away. */
export function AgentRulesTab() {
  const rules = useAgentRules();
  const remove = useDeleteAgentRule();
  const items = rules.data?.items ?? [];
  return (
    <Stack gap="md">
      <NewAgentRuleForm />
      <Panel flush title={rules.data ? plural(rules.data.total, "rule") : "Rules"}>
        <ProblemAlert error={rules.error ?? remove.error} onRetry={() => void rules.refetch()} />
        {rules.isPending && <Skeleton height={90} radius={0} />}
        {rules.data && items.length === 0 && (
          <EmptyState icon={IconShieldCheck} title="No rule yet">
            Without a rule, work in an agent’s own tree is allowed and everything else is asked about.
          </EmptyState>
        )}
        {items.length > 0 && <RuleTable rules={items} onRemove={(id) => remove.mutate(id)} />}
      </Panel>
    </Stack>
  );
}

function RuleTable({ rules, onRemove }: { rules: AgentRule[]; onRemove: (id: string) => void }) {
  const agents = useAgents();
  const projects = useProjects();
  const nameOf = (id: string) => agents.data?.items.find((one) => one.id === id)?.name ?? id;
  const projectOf = (id: string) =>
    projects.data?.items.find((one) => one.project_id === id)?.name ?? "a project";
  return (
    <Table className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Effect</Table.Th>
          <Table.Th>Work</Table.Th>
          <Table.Th>Of</Table.Th>
          <Table.Th>Holds for</Table.Th>
          <Table.Th>Why</Table.Th>
          <Table.Th aria-label="Remove" />
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rules.map((rule) => (
          <Table.Tr key={rule.rule_id}>
            <Table.Td>
              <StateBadge state={rule.effect} />
            </Table.Td>
            <Table.Td className={classes.work}>
              {rule.tool === "*" ? "any work" : rule.tool}
              {narrowed(rule).map((part) => (
                <div key={part} className={classes.narrowed}>
                  {part}
                </div>
              ))}
            </Table.Td>
            <Table.Td className={classes.dim}>
              {!rule.agent || rule.agent === "*" ? "any agent" : nameOf(rule.agent)}
            </Table.Td>
            <Table.Td className={classes.dim}>
              {WHOSE[rule.level ?? "user"]}
              {rule.project_id && `, in ${projectOf(rule.project_id)}`}
            </Table.Td>
            <Table.Td className={classes.words}>{rule.reason || "–"}</Table.Td>
            <Table.Td ta="right">
              <Button
                size="xs"
                variant="default"
                aria-label={`Remove the rule about ${rule.command || rule.path || rule.tool}`}
                onClick={() => onRemove(rule.rule_id)}
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

function narrowed(rule: AgentRule): string[] {
  const cost = rule.cost_above;
  return [rule.command, rule.path, typeof cost === "number" && `above $${cost}`].filter(
    (part): part is string => typeof part === "string" && part !== "",
  );
}
