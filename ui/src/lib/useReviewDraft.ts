import { useSessionStorage } from "@mantine/hooks";
import type { LineComment } from "../api/types.ts";
import type { Place } from "./lineComments.ts";

export type DraftComment = Place & Pick<LineComment, "text">;

export interface ReviewDraft {
  comments: DraftComment[];
  add: (comment: DraftComment) => void;
  remove: (comment: DraftComment) => void;
  clear: () => void;
}

/** Comments on an attempt that were not sent yet; they outlive a reload of the page. */
export function useReviewDraft(taskId: string, attempt: number): ReviewDraft {
  const [comments, set, clear] = useSessionStorage<DraftComment[]>({
    key: `orchestrator.review.${taskId}.${attempt}`,
    defaultValue: [],
    getInitialValueInEffect: false,
  });
  return {
    comments,
    add: (comment) => set((known) => [...known, comment]),
    remove: (comment) => set((known) => known.filter((one) => one !== comment)),
    clear,
  };
}
