import { Skeleton, Stack, Text } from "@mantine/core";
import { isOver } from "../api/tasks.ts";
import { useTries } from "../api/tries.ts";
import type { Task } from "../api/types.ts";
import { useTaskEvents } from "../api/useTaskEvents.ts";
import { PageHeader } from "../components/PageHeader.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { StateBadge } from "../components/StateBadge.tsx";
import { ChoicePanel } from "./task/ChoicePanel.tsx";
import { OfTask } from "./task/OfTask.tsx";

/** The tries at one task side by side: who made them, how they were proved, what they cost, what they change. */
export function TriesPage() {
  return <OfTask>{(task) => <Shown task={task} />}</OfTask>;
}

function Shown({ task }: { task: Task }) {
  useTaskEvents(task.task_id, isOver(task.state) ? "over" : "going");
  const tries = useTries(task);
  const title = task.title || task.type;
  return (
    <>
      <PageHeader
        title="Tries side by side"
        trail={[
          { label: "Tasks", to: "/tasks" },
          { label: title, to: `/tasks/${task.task_id}` },
        ]}
        badge={<StateBadge state={task.state} reason={task.reason} />}
      />
      <Stack gap="md">
        <ProblemAlert error={tries.error} />
        {tries.isPending && <Skeleton height={320} radius="md" />}
        {tries.data?.items.length === 0 && (
          <Text size="sm" c="dimmed">
            This team does not choose among tries.
          </Text>
        )}
        {tries.data?.items.map((choosing) => (
          <ChoicePanel key={choosing.step} taskId={task.task_id} choosing={choosing} />
        ))}
      </Stack>
    </>
  );
}
