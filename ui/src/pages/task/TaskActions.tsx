import { Button } from "@mantine/core";
import { IconPlayerStop, IconRefresh } from "@tabler/icons-react";
import { isOver, useTaskAction } from "../../api/tasks.ts";
import type { Task } from "../../api/types.ts";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

/** Cancel what still goes; ask again for what failed or was cancelled. */
export function TaskActions({ task }: { task: Task }) {
  const act = useTaskAction(task.task_id);
  return (
    <>
      <ProblemAlert error={act.error} />
      {!isOver(task.state) && (
        <Button
          variant="default"
          leftSection={<IconPlayerStop size={16} stroke={1.7} />}
          loading={act.isPending}
          onClick={() => act.mutate({ action: "cancel" })}
        >
          Cancel
        </Button>
      )}
      {(task.state === "failed" || task.state === "cancelled") && (
        <Button
          variant="default"
          leftSection={<IconRefresh size={16} stroke={1.7} />}
          loading={act.isPending}
          onClick={() => act.mutate({ action: "retry" })}
        >
          Retry
        </Button>
      )}
    </>
  );
}
