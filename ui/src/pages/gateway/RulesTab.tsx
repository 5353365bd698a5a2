import { Button, Stack, Table } from "@mantine/core";
import { useApprovals, useDeleteRule, useRevokeApproval, useRules } from "../../api/gateway.ts";
import { useProjects } from "../../api/projects.ts";
import { useServers } from "../../api/servers.ts";
import type { Rule } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { type RuleRow, RulesPanel } from "../../components/RulesPanel.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { ExplainCall } from "./ExplainCall.tsx";
import classes from "./Gateway.module.css";
import { NewRuleForm } from "./NewRuleForm.tsx";

/** The rules that may speak of the reader's calls, a form for one more, and which of them decides. */
export function RulesTab() {
  const rules = useRules();
  const remove = useDeleteRule();
  const nameOf = useNames();
  const rows = (rules.data?.items ?? []).map((rule): RuleRow => ({
    id: rule.id,
    effect: rule.effect,
    about: rule.tool ?? "*",
    what: (
      <>
        <span className={classes.name}>{rule.tool === "*" ? "every tool" : rule.tool}</span>
        <div className={classes.server}>{rule.server_id ? nameOf(rule.server_id) : "of any server"}</div>
      </>
    ),
    whose: WHOSE[rule.level ?? "user"],
    where: narrowed(rule, nameOf),
    reason: rule.reason,
  }));
  return (
    <Stack gap="md">
      <NewRuleForm />
      <RulesPanel
        rules={rules}
        rows={rows}
        heads={["Tool", "Whose", "Only"]}
        without="Without a rule every call is allowed. A rule can deny a tool, or have a person asked before each call."
        remove={remove}
      />
      <ExplainCall />
      <AlwaysAllowed />
    </Stack>
  );
}

const WHOSE: Record<NonNullable<Rule["level"]>, string> = {
  service: "everybody",
  project: "a project",
  user: "you",
};

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
              <Table.Td className={classes.dim}>
                {one.project_id ? `in ${nameOf(one.project_id)}` : ""}
              </Table.Td>
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
