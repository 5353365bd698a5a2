/** Several tries at one task, side by side, and the choice among them. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { toDiffFile } from "../lib/diff.ts";
import { api, unwrap } from "./client.ts";
import { isOver } from "./tasks.ts";
import type { Task } from "./types.ts";

/** The choices of a task; asked again while it is not over. */
export function useTries(task: Task) {
  return useQuery({
    queryKey: ["tasks", task.task_id, "tries", task.attempt, task.state],
    queryFn: () =>
      unwrap(api.GET("/api/v1/tasks/{task_id}/tries", { params: { path: { task_id: task.task_id } } })),
    refetchInterval: isOver(task.state) ? false : 5000,
    retry: false,
  });
}

/** What a try changed, file by file. */
export function useTryDiff(taskId: string, commit: string | null) {
  return useQuery({
    queryKey: ["tasks", taskId, "diff", commit],
    queryFn: () => unwrap(api.GET("/api/v1/tasks/{task_id}/diff", { params: { path: { task_id: taskId } } })),
    select: (diff) => ({ files: diff.changed.map(toDiffFile), truncated: diff.truncated }),
    enabled: commit !== null,
    staleTime: Infinity,
  });
}

/** Choose a try, or none. */
export function useChoose(taskId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (choice: string) =>
      unwrap(
        api.POST("/api/v1/tasks/{task_id}/input", {
          params: { path: { task_id: taskId } },
          body: { choice, remember: false },
        }),
      ),
    onSettled: () =>
      Promise.all([["questions"], ["tasks"]].map((queryKey) => cache.invalidateQueries({ queryKey }))),
  });
}
