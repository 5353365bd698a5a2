/** What stands between a task's change and the default branch: proof, reviews, the merge queue. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { Merge, NewReview, Task } from "./types.ts";

/** How long it takes at most until a page shows what others say of a change that is whole. */
const OTHERS_MS = 10_000;

const FINISHED = new Set<Merge["state"]>(["merged", "opened", "conflicted", "unproven", "failed"]);

/** Whether the change of its latest attempt takes a verdict: it is done, or fell short of its criteria. */
export function isReviewable(task: Task): boolean {
  const changed = typeof task.result?.commit === "string";
  return (changed && task.state === "completed") || task.reason === "criteria_unmet";
}

/** How the criteria of every attempt came out; read again when the task has moved. */
export function useProof(task: Task) {
  return useQuery({
    queryKey: ["tasks", task.task_id, "proof", task.attempt, task.state],
    queryFn: () =>
      unwrap(api.GET("/api/v1/tasks/{task_id}/proof", { params: { path: { task_id: task.task_id } } })),
  });
}

export function useReviews(taskId: string) {
  return useQuery({
    queryKey: ["tasks", taskId, "reviews"],
    queryFn: () =>
      unwrap(api.GET("/api/v1/tasks/{task_id}/reviews", { params: { path: { task_id: taskId } } })),
    refetchInterval: OTHERS_MS,
  });
}

/** A task's entries in the merge queue; asked again often while one is under way. */
export function useMerges(taskId: string) {
  return useQuery({
    queryKey: ["tasks", taskId, "merges"],
    queryFn: () =>
      unwrap(api.GET("/api/v1/tasks/{task_id}/merges", { params: { path: { task_id: taskId } } })),
    refetchInterval: (query) =>
      query.state.data?.items.some((entry) => !FINISHED.has(entry.state)) ? 1500 : OTHERS_MS,
  });
}

export type ChangeAction =
  | { action: "review"; review: NewReview }
  | { action: "merge"; method: Merge["method"] }
  | { action: "undo"; overrideReason?: string };

async function act(taskId: string, asked: ChangeAction): Promise<void> {
  const params = { path: { task_id: taskId } };
  switch (asked.action) {
    case "review":
      await unwrap(api.POST("/api/v1/tasks/{task_id}/reviews", { params, body: asked.review }));
      return;
    case "merge":
      await unwrap(api.POST("/api/v1/tasks/{task_id}/merge", { params, body: { method: asked.method } }));
      return;
    case "undo":
      await unwrap(
        api.POST("/api/v1/tasks/{task_id}/undo", {
          params,
          body: { override_reason: asked.overrideReason ?? "" },
        }),
      );
  }
}

/** Review, merge or undo. */
export function useChangeAction(taskId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (asked: ChangeAction) => act(taskId, asked),
    onSettled: () => cache.invalidateQueries({ queryKey: ["tasks"] }),
  });
}
