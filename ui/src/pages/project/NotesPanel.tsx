import { Group, Pagination, Skeleton, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconNotes } from "@tabler/icons-react";
import { useState } from "react";
import { useProfile } from "../../api/session.ts";
import { useNoteAction, useNotes } from "../../api/together.ts";
import type { NoteState, Project } from "../../api/types.ts";
import { ConfirmButton } from "../../components/ConfirmButton.tsx";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { plural } from "../../lib/format.ts";
import { NoteItem } from "./NoteItem.tsx";

const PAGE = 20;
const READ: NoteState[] = ["note", "done"];

/** Notes and what was done, newest first, by topic. */
export function NotesPanel({ project }: { project: Project }) {
  const [topic, setTopic] = useState("");
  const [wanted] = useDebouncedValue(topic.trim(), 250);
  const [page, setPage] = useState(1);
  const profile = useProfile();
  const filter = { topic: wanted || undefined, state: READ, limit: PAGE, offset: (page - 1) * PAGE };
  const notes = useNotes(project.project_id, filter);
  const act = useNoteAction(project.project_id);
  const { data } = notes;
  return (
    <Panel
      flush
      title={data ? plural(data.total, "note") : "Notes"}
      actions={
        <TextInput
          aria-label="Only this topic"
          placeholder="Any topic"
          size="xs"
          w={160}
          value={topic}
          onChange={(event) => {
            setTopic(event.currentTarget.value);
            setPage(1);
          }}
        />
      }
    >
      <ProblemAlert error={notes.error ?? act.error} onRetry={() => void notes.refetch()} />
      {notes.isPending && <Skeleton height={80} radius={0} />}
      {data?.items.length === 0 && (
        <EmptyState icon={IconNotes} title={wanted ? "No note of this topic" : "No note yet"}>
          {wanted
            ? "Topics are matched as a whole."
            : "What agents found out and people want them to know is kept here."}
        </EmptyState>
      )}
      {data?.items.map((note) => (
        <NoteItem key={note.note_id} note={note} project={project}>
          {(project.role === "admin" || (project.role === "member" && note.user_id === profile.data?.id)) && (
            <ConfirmButton
              size="xs"
              label="Delete"
              question="Delete this note for everybody?"
              confirm="Delete it"
              onConfirm={() => act.mutate({ note_id: note.note_id, state: null })}
            />
          )}
        </NoteItem>
      ))}
      {data && data.total > PAGE && (
        <Group justify="center" p="sm">
          <Pagination size="sm" total={Math.ceil(data.total / PAGE)} value={page} onChange={setPage} />
        </Group>
      )}
    </Panel>
  );
}
