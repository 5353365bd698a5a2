import { Text } from "@mantine/core";
import type { Task } from "../api/types.ts";
import { ValueViewer } from "./ValueViewer.tsx";

/** The result of a task, or where a large one lies. */
export function ResultViewer({ task }: { task: Task }) {
  if (task.result === null && task.result_pointer !== null) {
    return (
      <Text size="sm">
        The result is large and lies in the blob store.{" "}
        <a href={`/api/v1/tasks/${task.task_id}/result`} className="link" download>
          Download it
        </a>
      </Text>
    );
  }
  return <ValueViewer value={task.result} />;
}
