import { Button, Group, NumberInput, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useCreateAgentRule } from "../../api/agentRules.ts";
import { useAgents } from "../../api/agents.ts";
import { asProblem } from "../../api/problem.ts";
import { useProjects } from "../../api/projects.ts";
import { useProfile } from "../../api/session.ts";
import type { NewAgentRule } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import classes from "./Rules.module.css";

const EFFECTS: { value: NewAgentRule["effect"]; label: string }[] = [
  { value: "deny", label: "Deny" },
  { value: "ask", label: "Ask first" },
  { value: "allow", label: "Allow" },
];
const WORK = ["read", "edit", "delete", "move", "search", "execute", "fetch", "other"];
const EMPTY: NewAgentRule = {
  effect: "deny",
  level: "user",
  agent: "*",
  tool: "*",
  path: "",
  command: "",
  reason: "",
};

/** Write a rule about agents: of one's own, of a project one administers, or of the whole service. */
export function NewAgentRuleForm() {
  const create = useCreateAgentRule();
  const agents = useAgents();
  const projects = useProjects();
  const profile = useProfile();
  const [rule, setRule] = useState<NewAgentRule>(EMPTY);
  const change = (part: Partial<NewAgentRule>) => setRule((known) => ({ ...known, ...part }));
  const fields = create.error ? asProblem(create.error).fields : {};
  const levels = [
    { value: "user", label: "My agents" },
    { value: "project", label: "A project's agents" },
    ...(profile.data?.is_admin ? [{ value: "service", label: "Everybody's agents" }] : []),
  ];
  return (
    <Panel title="New rule">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(rule, { onSuccess: () => setRule(EMPTY) });
        }}
      >
        <Stack gap={14}>
          <SegmentedControl
            aria-label="Effect"
            data={EFFECTS}
            value={rule.effect}
            onChange={(next) => change({ effect: next as NewAgentRule["effect"] })}
          />
          <div className={classes.form}>
            <Select
              label="Kind of work"
              description="None: whatever it does"
              placeholder="Any work"
              clearable
              data={WORK}
              value={rule.tool === "*" ? null : (rule.tool ?? null)}
              error={fields.tool}
              onChange={(next) => change({ tool: next ?? "*" })}
            />
            <Select
              label="Agent"
              description="None: all of them"
              placeholder="Any agent"
              clearable
              searchable
              data={(agents.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))}
              value={rule.agent === "*" ? null : (rule.agent ?? null)}
              error={fields.agent}
              onChange={(next) => change({ agent: next ?? "*" })}
            />
            <TextInput
              label="Command"
              description="* and ? match any letters"
              maxLength={1000}
              value={rule.command ?? ""}
              error={fields.command}
              onChange={(event) => change({ command: event.currentTarget.value })}
            />
            <TextInput
              label="Path"
              description="In the work tree"
              maxLength={1000}
              value={rule.path ?? ""}
              error={fields.path}
              onChange={(event) => change({ path: event.currentTarget.value })}
            />
            <NumberInput
              label="Above this cost"
              description="Speaks once a run cost more"
              prefix="$"
              min={0}
              decimalScale={2}
              hideControls
              value={rule.cost_above ?? ""}
              error={fields.cost_above}
              onChange={(next) => change({ cost_above: typeof next === "number" ? next : null })}
            />
            <Select
              label="Holds for"
              description="The strictest level decides"
              allowDeselect={false}
              data={levels}
              value={rule.level ?? "user"}
              error={fields.level}
              onChange={(next) => change({ level: (next ?? "user") as NewAgentRule["level"] })}
            />
            <Select
              label="Project"
              description={rule.level === "project" ? "Which one" : "None: in every project"}
              placeholder="Any project"
              clearable
              data={(projects.data?.items ?? []).map((one) => ({ value: one.project_id, label: one.name }))}
              value={rule.project_id ?? null}
              error={fields.project_id}
              onChange={(next) => change({ project_id: next })}
            />
            <TextInput
              className={classes.wide}
              label="Why"
              description="Shown to whoever is asked"
              maxLength={500}
              value={rule.reason ?? ""}
              onChange={(event) => change({ reason: event.currentTarget.value })}
            />
          </div>
          <ProblemAlert error={create.error} />
          <Group gap={12}>
            <Button type="submit" loading={create.isPending}>
              Write rule
            </Button>
            {create.isSuccess && (
              <Text size="sm" c="dimmed" role="status">
                It is written.
              </Text>
            )}
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
