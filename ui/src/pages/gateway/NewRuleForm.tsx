import { Checkbox, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useCreateRule } from "../../api/gateway.ts";
import { asProblem } from "../../api/problem.ts";
import { useServers } from "../../api/servers.ts";
import type { NewRule } from "../../api/types.ts";
import { RuleForm } from "../../components/RuleForm.tsx";

const EMPTY: NewRule = { effect: "deny", level: "user", tool: "*", reason: "" };

/** Write a rule about tool calls: by tool, server and what the tool says of itself. */
export function NewRuleForm() {
  const create = useCreateRule();
  const servers = useServers();
  const [rule, setRule] = useState<NewRule>(EMPTY);
  const change = (part: Partial<NewRule>) => setRule((known) => ({ ...known, ...part }));
  const fields = create.error ? asProblem(create.error).fields : {};
  return (
    <RuleForm
      rule={rule}
      onChange={change}
      onSubmit={() =>
        create.mutate({ ...rule, tool: rule.tool?.trim() || "*" }, { onSuccess: () => setRule(EMPTY) })
      }
      about="calls"
      notes={{ level: "It narrows what stands above it", reason: "Shown to whoever is asked or refused" }}
      written="It holds within a second, everywhere."
      create={create}
      after={
        <Checkbox
          label="Only tools that may destroy something"
          checked={rule.annotations?.destructiveHint === true}
          onChange={(event) =>
            change({ annotations: event.currentTarget.checked ? { destructiveHint: true } : {} })
          }
        />
      }
    >
      <TextInput
        label="Tool"
        description="* and ? match any letters"
        maxLength={200}
        value={rule.tool ?? ""}
        error={fields.tool}
        onChange={(event) => change({ tool: event.currentTarget.value })}
      />
      <Select
        label="Server"
        description="None: tools of any server"
        placeholder="Any server"
        clearable
        searchable
        data={(servers.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))}
        value={rule.server_id ?? null}
        onChange={(next) => change({ server_id: next })}
      />
    </RuleForm>
  );
}
