import { Button, Group, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import type { Place } from "../lib/lineComments.ts";
import type { ReviewDraft } from "../lib/useReviewDraft.ts";
import classes from "./DiffLines.module.css";

/** A comment on a line while it is written. What stands in it outlives the form: the diff may be drawn anew. */
export function CommentForm({ place, draft }: { place: Place; draft: ReviewDraft }) {
  const [text, setText] = useState(() => draft.textOf(place));
  const add = () => {
    if (!text.trim()) return;
    draft.add({ ...place, text: text.trim() });
    draft.leave(place);
  };
  return (
    <form
      className={classes.pinned}
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
      onFocus={() => draft.focus(place)}
      onBlur={() => draft.focus(null)}
    >
      <Textarea
        autoFocus={draft.hadFocus(place)}
        aria-label={`Comment on line ${place.line} of ${place.path}`}
        autosize
        minRows={2}
        maxRows={12}
        maxLength={10_000}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          draft.keep(place, event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape" && !text.trim()) draft.leave(place);
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) add();
        }}
      />
      <Group gap={8} mt={8}>
        <Button size="xs" type="submit" disabled={!text.trim()}>
          Add comment
        </Button>
        <Button size="xs" variant="default" onClick={() => draft.leave(place)}>
          {text.trim() ? "Discard" : "Cancel"}
        </Button>
        <Text size="xs" c="dimmed">
          It is sent with your review.
        </Text>
      </Group>
    </form>
  );
}
