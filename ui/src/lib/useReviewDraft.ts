import { useSessionStorage } from "@mantine/hooks";
import { useRef } from "react";
import type { LineComment } from "../api/types.ts";
import { keyOf, type Place } from "./lineComments.ts";

export type DraftComment = Place & Pick<LineComment, "text">;

interface Kept<T> {
  attempt: number;
  of: T;
}

export interface ReviewDraft {
  /** Written on lines of the attempt that is shown, not sent yet. */
  comments: DraftComment[];
  add: (comment: DraftComment) => void;
  remove: (comment: DraftComment) => void;
  clear: () => void;
  /** Lines whose form is open. What stands in a form is kept apart, so that a keystroke draws no diff again. */
  begun: Place[];
  begin: (place: Place) => void;
  leave: (place: Place) => void;
  textOf: (place: Place) => string;
  keep: (place: Place, text: string) => void;
  /** Whether the form of a place had the focus last: it gets it again where the diff was drawn anew. */
  hadFocus: (place: Place) => boolean;
  focus: (place: Place | null) => void;
  /** Written on an earlier attempt and never sent: whoever wrote it may still want the words. */
  left: DraftComment[];
  forget: () => void;
}

/** A person's comments that were not sent yet, and forms that are open: they outlive redraws, tabs and reloads. */
export function useReviewDraft(taskId: string, attempt: number): ReviewDraft {
  const root = `orchestrator.review.${taskId}`;
  const [written, setWritten] = useKept<DraftComment>(`${root}.comments`);
  const [open, setOpen] = useKept<Place>(`${root}.begun`);
  const focused = useRef<string | null>(null);
  const textKey = (place: Place, of: number) => `${root}.${of}.${keyOf(place)}`;
  const textOf = (place: Place, of = attempt) => sessionStorage.getItem(textKey(place, of)) ?? "";
  const now = <T>(kept: Kept<T>[]) => kept.filter((one) => one.attempt === attempt).map(({ of }) => of);
  const earlier = open.filter((one) => one.attempt !== attempt);

  const leave = (place: Place) => {
    sessionStorage.removeItem(textKey(place, attempt));
    focused.current = null;
    setOpen((known) => known.filter((one) => one.attempt !== attempt || keyOf(one.of) !== keyOf(place)));
  };
  return {
    comments: now(written),
    add: (comment) => setWritten((known) => [...known, { attempt, of: comment }]),
    remove: (comment) => setWritten((known) => known.filter((one) => one.of !== comment)),
    clear: () => setWritten((known) => known.filter((one) => one.attempt !== attempt)),
    begun: now(open),
    begin: (place) => {
      focused.current = keyOf(place);
      const isOpen = now(open).some((one) => keyOf(one) === keyOf(place));
      if (!isOpen) setOpen((known) => [...known, { attempt, of: place }]);
    },
    leave,
    textOf,
    keep: (place, text) => sessionStorage.setItem(textKey(place, attempt), text),
    hadFocus: (place) => focused.current === keyOf(place),
    focus: (place) => {
      focused.current = place && keyOf(place);
    },
    left: [
      ...written.filter((one) => one.attempt !== attempt).map(({ of }) => of),
      ...earlier.map((one) => ({ ...one.of, text: textOf(one.of, one.attempt) })),
    ].filter(({ text }) => text.trim() !== ""),
    forget: () => {
      for (const one of earlier) sessionStorage.removeItem(textKey(one.of, one.attempt));
      setWritten((known) => known.filter((one) => one.attempt === attempt));
      setOpen((known) => known.filter((one) => one.attempt === attempt));
    },
  };
}

function useKept<T>(key: string) {
  return useSessionStorage<Kept<T>[]>({ key, defaultValue: [], getInitialValueInEffect: false });
}
