import { Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { Fragment } from "react";
import { useParams } from "react-router";
import { useTask } from "../../api/tasks.ts";
import type { Task } from "../../api/types.ts";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

/** What every page about one task begins with: the task its address names, the wait for it, or why it is not there. */
export function OfTask({ children }: { children: (task: Task) => ReactNode }) {
  const { taskId = "" } = useParams();
  const task = useTask(taskId);
  if (task.isError && !task.data) {
    return <ProblemAlert error={task.error} onRetry={() => void task.refetch()} />;
  }
  if (!task.data) return <Skeleton height={220} radius="md" />;
  return <Fragment key={taskId}>{children(task.data)}</Fragment>;
}
