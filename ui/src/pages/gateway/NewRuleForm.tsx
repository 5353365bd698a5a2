import { Button, Checkbox, Group, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useCreateRule } from "../../api/gateway.ts";
import { asProblem } from "../../api/problem.ts";
import { useProjects } from "../../api/projects.ts";
import { useServers } from "../../api/servers.ts";
import { useProfile } from "../../api/session.ts";
import type { NewRule } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import classes from "./Gateway.module.css";

const EFFECTS: { value: NewRule["effect"]; label: string }[] = [
  { value: "deny", label: "Deny" },
  { value: "ask", label: "Ask first" },
  { value: "allow", label: "Allow" },
];
const EMPTY: NewRule = { effect: "deny", level: "user", tool: "*", reason: "" };

/** Write a rule of one's own, of a project one administers, or of the whole service. */
export function NewRuleForm() {
  const create = useCreateRule();
  const servers = useServers();
  const projects = useProjects();
  const profile = useProfile();
  const [rule, setRule] = useState<NewRule>(EMPTY);
  const change = (part: Partial<NewRule>) => setRule((known) => ({ ...known, ...part }));
  const fields = create.error ? asProblem(create.error).fields : {};
  const levels = [
    { value: "user", label: "My calls" },
    { value: "project", label: "A project's calls" },
    ...(profile.data?.is_admin ? [{ value: "service", label: "Everybody's calls" }] : []),
  ];
  return (
    <Panel title="New rule">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate({ ...rule, tool: rule.tool?.trim() || "*" }, { onSuccess: () => setRule(EMPTY) });
        }}
      >
        <Stack gap={14}>
          <SegmentedControl
            aria-label="Effect"
            data={EFFECTS}
            value={rule.effect}
            onChange={(next) => change({ effect: next as NewRule["effect"] })}
          />
          <div className={classes.form}>
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
            <Select
              label="Holds for"
              description="It narrows what stands above it"
              allowDeselect={false}
              data={levels}
              value={rule.level ?? "user"}
              error={fields.level}
              onChange={(next) => change({ level: (next ?? "user") as NewRule["level"] })}
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
              description="Shown to whoever is asked or refused"
              maxLength={500}
              value={rule.reason ?? ""}
              onChange={(event) => change({ reason: event.currentTarget.value })}
            />
          </div>
          <Checkbox
            label="Only tools that may destroy something"
            checked={rule.annotations?.destructiveHint === true}
            onChange={(event) => change({ annotations: event.currentTarget.checked ? { destructiveHint: true } : {} })}
          />
          <ProblemAlert error={create.error} />
          <Group gap={12}>
            <Button type="submit" loading={create.isPending}>
              Write rule
            </Button>
            {create.isSuccess && (
              <Text size="sm" c="dimmed" role="status">
                It holds within a second, everywhere.
              </Text>
            )}
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
