import { Button, Group, Skeleton } from "@mantine/core";
import { useNavigate, useSearchParams } from "react-router";
import { useCreateTask, useTaskTypes } from "../api/tasks.ts";
import type { TaskType } from "../api/types.ts";
import { PageHeader } from "../components/PageHeader.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { useTaskDraft } from "../lib/useTaskDraft.ts";
import classes from "./NewTaskPage.module.css";
import { RoutePreview } from "./task/RoutePreview.tsx";
import { TaskForm } from "./task/TaskForm.tsx";
import { TypePicker } from "./task/TypePicker.tsx";

/** Describe a task and see, while typing, where it would run. */
export function NewTaskPage() {
  const types = useTaskTypes();
  return (
    <>
      <PageHeader
        title="New task"
        description="Pick what should be done. The route on the right follows what you enter; nothing runs before you say so."
        trail={[{ label: "Tasks", to: "/tasks" }]}
      />
      <ProblemAlert error={types.error} onRetry={() => void types.refetch()} />
      {types.isPending && <Skeleton height={320} radius="md" />}
      {types.data && <Composer types={types.data.items} />}
    </>
  );
}

function Composer({ types }: { types: TaskType[] }) {
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const draft = useTaskDraft(types, params.get("project"), params.get("type"));
  const create = useCreateTask();
  const submit = () => {
    if (draft.task) create.mutate(draft.task, { onSuccess: ({ task_id }) => navigate(`/tasks/${task_id}`) });
  };
  return (
    <div className={classes.columns}>
      <div className={classes.column}>
        <TypePicker types={types} value={draft.values.type} onPick={draft.pickType} />
        <TaskForm draft={draft} error={create.error} onSubmit={submit} />
        <ProblemAlert error={create.error} />
        <Group justify="flex-end">
          <Button onClick={submit} loading={create.isPending} disabled={!draft.task}>
            Create task
          </Button>
        </Group>
      </div>
      <div className={classes.aside}>
        <RoutePreview task={draft.task} />
      </div>
    </div>
  );
}
