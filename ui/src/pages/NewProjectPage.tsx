import { Button, Group, SegmentedControl, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useNavigate } from "react-router";
import { asProblem } from "../api/problem.ts";
import { useCreateProject, useTemplates } from "../api/projects.ts";
import type { NewProject } from "../api/types.ts";
import { PageHeader } from "../components/PageHeader.tsx";
import { Panel } from "../components/Panel.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import classes from "./NewProjectPage.module.css";

type Source = "repository_url" | "path" | "template";

/** The last part of a URL or path, as a name to start from. */
function nameFrom(source: string): string {
  return (
    source
      .replace(/[/\\]+$/, "")
      .split(/[/\\:]/)
      .pop()
      ?.replace(/\.git$/, "") ?? ""
  );
}

/** Make a project from a git URL, a local folder or a template. */
export function NewProjectPage() {
  const navigate = useNavigate();
  const create = useCreateProject();
  const [source, setSource] = useState<Source>("repository_url");
  const [values, setValues] = useState<Record<Source, string>>({
    repository_url: "",
    path: "",
    template: "",
  });
  const [name, setName] = useState<string | null>(null);
  const [description, setDescription] = useState("");
  const fields = create.error ? asProblem(create.error).fields : {};
  const value = values[source];
  const shownName = name ?? nameFrom(value);
  const setValue = (text: string) => setValues((now) => ({ ...now, [source]: text }));

  function submit() {
    const project: NewProject = { name: shownName.trim(), description, [source]: value.trim() };
    create.mutate(project, { onSuccess: ({ project_id }) => navigate(`/projects/${project_id}`) });
  }

  return (
    <div className={classes.narrow}>
      <PageHeader title="New project" trail={[{ label: "Projects", to: "/projects" }]} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Panel>
          <Stack gap={18}>
            <div>
              <Text size="sm" fw={500} mb={6} id="source-label">
                Where the code comes from
              </Text>
              <SegmentedControl
                fullWidth
                aria-labelledby="source-label"
                value={source}
                onChange={(next) => setSource(next as Source)}
                data={[
                  { value: "repository_url", label: "Git URL" },
                  { value: "path", label: "Local path" },
                  { value: "template", label: "Template" },
                ]}
              />
            </div>
            <SourceField source={source} value={value} error={fields[source]} onChange={setValue} />
            <TextInput
              label="Name"
              required
              maxLength={200}
              value={shownName}
              error={fields.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Textarea
              label="Description"
              autosize
              minRows={2}
              value={description}
              error={fields.description}
              onChange={(event) => setDescription(event.currentTarget.value)}
            />
            <ProblemAlert error={create.error} />
            <Group justify="flex-end">
              <Button variant="default" onClick={() => navigate("/projects")}>
                Back
              </Button>
              <Button type="submit" loading={create.isPending} disabled={!value.trim() || !shownName.trim()}>
                Create project
              </Button>
            </Group>
          </Stack>
        </Panel>
      </form>
    </div>
  );
}

interface FieldProps {
  source: Source;
  value: string;
  error?: string;
  onChange: (value: string) => void;
}

function SourceField({ source, value, error, onChange }: FieldProps) {
  const templates = useTemplates();
  if (source === "template") {
    const found = templates.data?.items ?? [];
    return (
      <Select
        label="Template"
        placeholder="Pick a template"
        required
        data={found.map((each) => each.name)}
        value={value || null}
        error={error}
        description={found.find((each) => each.name === value)?.description ?? "Starts a fresh repository"}
        onChange={(next) => onChange(next ?? "")}
      />
    );
  }
  const local = source === "path";
  return (
    <TextInput
      key={source}
      label={local ? "Path" : "Git URL"}
      description={
        local
          ? "A git repository of the machine the service runs on, below one of its PROJECT_ROOTS"
          : "https:// or ssh:// address; for a private repository link your GitHub account in Settings"
      }
      placeholder={local ? "/srv/code/shop" : "https://github.com/pallets/flask"}
      required
      autoFocus
      classNames={{ input: classes.mono }}
      value={value}
      error={error}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
