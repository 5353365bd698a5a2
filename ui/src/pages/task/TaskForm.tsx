import {
  Autocomplete,
  Group,
  Input,
  NumberInput,
  Select,
  Stack,
  Switch,
  TagsInput,
  TextInput,
} from "@mantine/core";
import { useAgents } from "../../api/agents.ts";
import { asProblem } from "../../api/problem.ts";
import { useProjects } from "../../api/projects.ts";
import { useServers } from "../../api/servers.ts";
import { CodeEditor } from "../../components/CodeEditor.tsx";
import { Panel } from "../../components/Panel.tsx";
import type { TaskDraft } from "../../lib/useTaskDraft.ts";
import { WishesForm } from "./WishesForm.tsx";

interface Props {
  draft: TaskDraft;
  error: unknown;
  onSubmit: () => void;
}

/** Project, input, and what narrows or orders the choice of a target. */
export function TaskForm({ draft, error, onSubmit }: Props) {
  const { values, set } = draft;
  const projects = useProjects();
  const servers = useServers();
  const agents = useAgents();
  const targets = [...(servers.data?.items ?? []), ...(agents.data?.items ?? [])];
  const names = [...new Set(targets.map((target) => target.name))];
  const fields = error ? asProblem(error).fields : {};
  return (
    <Panel title="Details">
      <Stack gap={16}>
        <Select
          label="Project"
          placeholder="None"
          clearable
          searchable
          nothingFoundMessage="No such project"
          data={(projects.data?.items ?? []).map((project) => ({
            value: project.project_id,
            label: project.name,
          }))}
          value={values.project}
          error={fields.project_id}
          onChange={(project) => set({ project })}
        />
        <TextInput
          label="Title"
          description="What people call it; may be empty"
          maxLength={200}
          value={values.title}
          error={fields.title}
          onChange={(event) => set({ title: event.currentTarget.value })}
        />
        <Input.Wrapper label="Input" error={draft.inputError ?? fields.input}>
          <CodeEditor
            language="json"
            label="Input, JSON"
            minLines={5}
            value={values.input}
            invalid={draft.inputError !== null}
            onChange={(input) => set({ input })}
            onSubmit={onSubmit}
          />
        </Input.Wrapper>
        <TagsInput
          label="Required capabilities"
          description="Empty means what the type needs. A version can be asked for: git_history>=1.2"
          placeholder={values.capabilities.length ? "" : "git_history"}
          value={values.capabilities}
          error={fields.required_capabilities}
          onChange={(capabilities) => set({ capabilities })}
        />
        <Group grow align="flex-start">
          <NumberInput
            label="Priority"
            description="Higher goes first"
            min={-100}
            max={100}
            value={values.priority}
            error={fields.priority}
            onChange={(priority) => set({ priority: Number(priority) || 0 })}
          />
          <Autocomplete
            label="Preferred target"
            description="Name or id; counts most"
            data={names}
            value={values.target}
            error={fields.preferred_target}
            onChange={(target) => set({ target })}
          />
        </Group>
        <Switch
          label="Heavy work"
          description="Runs in a process of its own, or in your own Space where you consented"
          checked={values.heavy}
          onChange={(event) => set({ heavy: event.currentTarget.checked })}
        />
        <WishesForm draft={draft} fields={fields} />
      </Stack>
    </Panel>
  );
}
