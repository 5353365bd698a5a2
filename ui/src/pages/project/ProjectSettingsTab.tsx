import { Button, Group, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useNavigate } from "react-router";
import { asProblem } from "../../api/problem.ts";
import { useDeleteProject, useUpdateProject } from "../../api/projects.ts";
import type { Project } from "../../api/types.ts";
import { ConfirmButton } from "../../components/ConfirmButton.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

/** Rename, describe or delete a project. */
export function ProjectSettingsTab({ project }: { project: Project }) {
  const navigate = useNavigate();
  const update = useUpdateProject(project.project_id);
  const remove = useDeleteProject(project.project_id);
  const [name, setName] = useState(project.name);
  const [description, setDescription] = useState(project.description);
  const fields = update.error ? asProblem(update.error).fields : {};
  const admin = project.role === "admin";
  return (
    <Stack gap="md" maw={620}>
      <Panel title="General">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            update.mutate({ name, description });
          }}
        >
          <Stack gap={14}>
            <TextInput
              label="Name"
              value={name}
              disabled={!admin}
              error={fields.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Textarea
              label="Description"
              autosize
              minRows={2}
              value={description}
              disabled={!admin}
              error={fields.description}
              onChange={(event) => setDescription(event.currentTarget.value)}
            />
            <ProblemAlert error={update.error} />
            <Group>
              <Button type="submit" disabled={!admin} loading={update.isPending}>
                Save
              </Button>
              {update.isSuccess && (
                <Text size="sm" c="dimmed">
                  Saved
                </Text>
              )}
            </Group>
          </Stack>
        </form>
      </Panel>
      {admin && (
        <Panel title="Delete">
          <Group justify="space-between">
            <Text size="sm" c="dimmed" maw={400}>
              Removes the project with its tasks, graph and clone. The repository it came from is not touched.
            </Text>
            <ConfirmButton
              label="Delete project"
              question={`Delete ${project.name} and all its data? This cannot be undone.`}
              confirm="Delete"
              busy={remove.isPending}
              onConfirm={() => remove.mutate(undefined, { onSuccess: () => navigate("/projects") })}
            />
          </Group>
          <ProblemAlert error={remove.error} />
        </Panel>
      )}
    </Stack>
  );
}
