import { Stack } from "@mantine/core";
import { useAgentRules, useDeleteAgentRule } from "../../api/agentRules.ts";
import { useProjects } from "../../api/projects.ts";
import { useAgentNames } from "../../api/targets.ts";
import type { AgentRule } from "../../api/types.ts";
import { type RuleRow, RulesPanel } from "../../components/RulesPanel.tsx";
import classes from "./AgentRules.module.css";
import { NewAgentRuleForm } from "./NewAgentRuleForm.tsx";

const WHOSE = { service: "everybody", project: "a project", user: "you" } as const;

/** The rules about what agents do, a form for one more, and a way to take each away. */
export function AgentRulesTab() {
  const rules = useAgentRules();
  const remove = useDeleteAgentRule();
  const projects = useProjects();
  const nameOf = useAgentNames();
  const projectOf = (id: string) =>
    projects.data?.items.find((one) => one.project_id === id)?.name ?? "a project";
  const rows = (rules.data?.items ?? []).map((rule): RuleRow => ({
    id: rule.rule_id,
    effect: rule.effect,
    about: rule.command || rule.path || rule.tool || "*",
    what: <Work rule={rule} />,
    whose: !rule.agent || rule.agent === "*" ? "any agent" : nameOf(rule.agent),
    where: WHOSE[rule.level ?? "user"] + (rule.project_id ? `, in ${projectOf(rule.project_id)}` : ""),
    reason: rule.reason,
  }));
  return (
    <Stack gap="md">
      <NewAgentRuleForm />
      <RulesPanel
        rules={rules}
        rows={rows}
        heads={["Work", "Of", "Holds for"]}
        without="Without a rule, work in an agent’s own tree is allowed and everything else is asked about."
        remove={remove}
      />
    </Stack>
  );
}

function Work({ rule }: { rule: AgentRule }) {
  const cost = typeof rule.cost_above === "number" && `above $${rule.cost_above}`;
  return (
    <>
      {rule.tool === "*" ? "any work" : rule.tool}
      {[rule.command, rule.path, cost].filter(Boolean).map((part) => (
        <div key={String(part)} className={classes.narrowed}>
          {part}
        </div>
      ))}
    </>
  );
}
