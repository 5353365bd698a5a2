import { Button, Checkbox, Group, Stack, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { asProblem } from "../../api/problem.ts";
import { usePostNote } from "../../api/together.ts";
import type { NewNote } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import classes from "./Notes.module.css";

const EMPTY: NewNote = { text: "", topic: "", todo: false };

/** Tell everybody who works on the project something, or put it on the list of things to do. */
export function NewNoteForm({ projectId }: { projectId: string }) {
  const post = usePostNote(projectId);
  const [note, setNote] = useState(EMPTY);
  const change = (part: Partial<NewNote>) => setNote((known) => ({ ...known, ...part }));
  const fields = post.error ? asProblem(post.error).fields : {};
  const send = () => post.mutate(note, { onSuccess: () => setNote(EMPTY) });
  return (
    <Panel title="New note" note="agents read it, too">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <Stack gap={12}>
          <Textarea
            label="Note"
            autosize
            minRows={2}
            maxRows={12}
            maxLength={4000}
            value={note.text}
            error={fields.text}
            onChange={(event) => change({ text: event.currentTarget.value })}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && note.text.trim()) send();
            }}
          />
          <div className={classes.row}>
            <TextInput
              label="Topic"
              description="To find it by"
              maxLength={100}
              value={note.topic ?? ""}
              error={fields.topic}
              onChange={(event) => change({ topic: event.currentTarget.value })}
            />
            <Checkbox
              label="Something to do"
              checked={note.todo ?? false}
              onChange={(event) => change({ todo: event.currentTarget.checked })}
            />
          </div>
          <ProblemAlert error={post.error} />
          <Group>
            <Button type="submit" disabled={!note.text.trim()} loading={post.isPending}>
              Post
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
