import { Button, Skeleton, Text } from "@mantine/core";
import { useNoteAction, useNotes } from "../../api/together.ts";
import type { Note, NoteState, Project } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { NoteItem } from "./NoteItem.tsx";

const OPEN: NoteState[] = ["doing", "todo"];

/** The shared list of things to do: what is open, who is at it, and a way to take, finish and put back. */
export function TodoPanel({ project }: { project: Project }) {
  const notes = useNotes(project.project_id, { state: OPEN, limit: 200, offset: 0 });
  const act = useNoteAction(project.project_id);
  const items = notes.data?.items ?? [];
  return (
    <Panel flush title="To do" note={notes.data ? `${notes.data.total} open` : undefined}>
      <ProblemAlert error={notes.error ?? act.error} onRetry={() => void notes.refetch()} />
      {notes.isPending && <Skeleton height={80} radius={0} />}
      {notes.data && items.length === 0 && (
        <Text size="sm" c="dimmed" p="md">
          Nothing. Agents and people put things on this list for each other and take them from it.
        </Text>
      )}
      {items.map((note) => (
        <NoteItem key={note.note_id} note={note} project={project}>
          {project.role !== "viewer" && (
            <Ways
              note={note}
              busy={act.isPending}
              onMark={(state) => act.mutate({ note_id: note.note_id, state })}
            />
          )}
        </NoteItem>
      ))}
    </Panel>
  );
}

interface WaysProps {
  note: Note;
  busy: boolean;
  onMark: (state: "todo" | "doing" | "done") => void;
}

function Ways({ note, busy, onMark }: WaysProps) {
  const button = (label: string, state: "todo" | "doing" | "done") => (
    <Button size="xs" variant="default" disabled={busy} onClick={() => onMark(state)}>
      {label}
    </Button>
  );
  return (
    <>
      {note.state === "todo" ? button("Take", "doing") : button("Put back", "todo")}
      {button("Done", "done")}
    </>
  );
}
