import { Text } from "@mantine/core";
import type { Task } from "../api/types.ts";
import { ValueViewer } from "./ValueViewer.tsx";

/** The result of a task; of a large one what is small in it, and the way to the whole. */
export function ResultViewer({ task }: { task: Task }) {
  if (task.result_pointer === null) return <ValueViewer value={task.result} />;
  const { preview: _, truncated: __, ...shown } = task.result ?? {};
  return (
    <>
      {Object.keys(shown).length > 0 && <ValueViewer value={shown} />}
      <Text size="sm">
        The result is large.{" "}
        <a href={`/api/v1/tasks/${task.task_id}/result`} className="link" download>
          Download all of it
        </a>
      </Text>
    </>
  );
}
