import { Stack } from "@mantine/core";
import type { Project } from "../../api/types.ts";
import { ClaimsPanel } from "./ClaimsPanel.tsx";
import { NewNoteForm } from "./NewNoteForm.tsx";
import { NotesPanel } from "./NotesPanel.tsx";
import { TodoPanel } from "./TodoPanel.tsx";

/** What the people and agents of a project tell each other: things to do, notes, and code that is spoken for. */
export function NotesTab({ project }: { project: Project }) {
  return (
    <Stack gap="md">
      {project.role !== "viewer" && <NewNoteForm projectId={project.project_id} />}
      <TodoPanel project={project} />
      <NotesPanel project={project} />
      <ClaimsPanel projectId={project.project_id} />
    </Stack>
  );
}
