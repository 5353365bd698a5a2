import { Button, Group, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { asProblem } from "../api/problem.ts";
import { useProjects } from "../api/projects.ts";
import { useProfile } from "../api/session.ts";
import { Panel } from "./Panel.tsx";
import { ProblemAlert } from "./ProblemAlert.tsx";
import classes from "./Rules.module.css";

/** What every rule has, whatever it is about. */
export interface AnyRule {
  effect: "allow" | "ask" | "deny";
  level?: "service" | "project" | "user";
  project_id?: string | null;
  reason?: string;
}

const EFFECTS: { value: AnyRule["effect"]; label: string }[] = [
  { value: "deny", label: "Deny" },
  { value: "ask", label: "Ask first" },
  { value: "allow", label: "Allow" },
];

interface Props {
  rule: AnyRule;
  onChange: (part: Partial<AnyRule>) => void;
  onSubmit: () => void;
  /** What the rule is about, as in "My calls". */
  about: "calls" | "agents";
  /** What a level means, and who is shown the reason. */
  notes: { level: string; reason: string };
  written: string;
  create: { error: unknown; isPending: boolean; isSuccess: boolean };
  /** The fields that say what it speaks of. */
  children: ReactNode;
  /** What narrows it further. */
  after?: ReactNode;
}

/** Write a rule of one's own, of a project one administers, or of the whole service. */
export function RuleForm({
  rule,
  onChange,
  onSubmit,
  about,
  notes,
  written,
  create,
  children,
  after,
}: Props) {
  const projects = useProjects();
  const profile = useProfile();
  const fields = create.error ? asProblem(create.error).fields : {};
  const levels = [
    { value: "user", label: `My ${about}` },
    { value: "project", label: `A project's ${about}` },
    ...(profile.data?.is_admin ? [{ value: "service", label: `Everybody's ${about}` }] : []),
  ];
  return (
    <Panel title="New rule">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        <Stack gap={14}>
          <SegmentedControl
            aria-label="Effect"
            data={EFFECTS}
            value={rule.effect}
            onChange={(next) => onChange({ effect: next as AnyRule["effect"] })}
          />
          <div className={classes.form}>
            {children}
            <Select
              label="Holds for"
              description={notes.level}
              allowDeselect={false}
              data={levels}
              value={rule.level ?? "user"}
              error={fields.level}
              onChange={(next) => onChange({ level: (next ?? "user") as AnyRule["level"] })}
            />
            <Select
              label="Project"
              description={rule.level === "project" ? "Which one" : "None: in every project"}
              placeholder="Any project"
              clearable
              data={(projects.data?.items ?? []).map((one) => ({ value: one.project_id, label: one.name }))}
              value={rule.project_id ?? null}
              error={fields.project_id}
              onChange={(next) => onChange({ project_id: next })}
            />
            <TextInput
              className={classes.wide}
              label="Why"
              description={notes.reason}
              maxLength={500}
              value={rule.reason ?? ""}
              error={fields.reason}
              onChange={(event) => onChange({ reason: event.currentTarget.value })}
            />
          </div>
          {after}
          <ProblemAlert error={create.error} />
          <Group gap={12}>
            <Button type="submit" loading={create.isPending}>
              Write rule
            </Button>
            {create.isSuccess && (
              <Text size="sm" c="dimmed" role="status">
                {written}
              </Text>
            )}
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
