import { NumberInput, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useCreateAgentRule } from "../../api/agentRules.ts";
import { useAgents } from "../../api/agents.ts";
import { asProblem } from "../../api/problem.ts";
import type { NewAgentRule } from "../../api/types.ts";
import { RuleForm } from "../../components/RuleForm.tsx";

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

/** Write a rule about what agents do: by kind of work, agent, command, path and cost. */
export function NewAgentRuleForm() {
  const create = useCreateAgentRule();
  const agents = useAgents();
  const [rule, setRule] = useState<NewAgentRule>(EMPTY);
  const change = (part: Partial<NewAgentRule>) => setRule((known) => ({ ...known, ...part }));
  const fields = create.error ? asProblem(create.error).fields : {};
  return (
    <RuleForm
      rule={rule}
      onChange={change}
      onSubmit={() => create.mutate(rule, { onSuccess: () => setRule(EMPTY) })}
      about="agents"
      notes={{ level: "The strictest level decides", reason: "Shown to whoever is asked" }}
      written="It is written."
      create={create}
    >
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
    </RuleForm>
  );
}
