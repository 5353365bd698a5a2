import { Button, Text } from "@mantine/core";
import { IconPlayerPause, IconPlayerStop, IconRefresh } from "@tabler/icons-react";
import { canPause, isOver, isPaused, useTaskAction } from "../../api/tasks.ts";
import type { Task } from "../../api/types.ts";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

/** Pause or cancel what still goes; ask again for what failed or was cancelled. */
export function TaskActions({ task }: { task: Task }) {
  const act = useTaskAction(task.task_id);
  return (
    <>
      <ProblemAlert error={act.error} />
      {task.pause_requested && !isPaused(task) && !isOver(task.state) && (
        <Text size="sm" c="dimmed" role="status">
          Rests at its next safe point
        </Text>
      )}
      {canPause(task) && (
        <Button
          variant="default"
          leftSection={<IconPlayerPause size={16} stroke={1.7} />}
          loading={act.isPending}
          onClick={() => act.mutate({ action: "pause" })}
        >
          Pause
        </Button>
      )}
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
