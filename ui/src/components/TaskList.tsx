import { Button, Group, Pagination, Select, Skeleton } from "@mantine/core";
import { IconBolt } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useTasks, type TaskState } from "../api/tasks.ts";
import { plural } from "../lib/format.ts";
import { EmptyState } from "./EmptyState.tsx";
import { Panel } from "./Panel.tsx";
import { ProblemAlert } from "./ProblemAlert.tsx";
import { TaskTable } from "./TaskTable.tsx";

const PAGE = 25;
const STATES: TaskState[] = [
  "queued",
  "running",
  "awaiting_consent",
  "awaiting_input",
  "completed",
  "failed",
  "cancelled",
];

/** Tasks by page, newest first, filtered by state; of one project, or of all. */
export function TaskList({ projectId }: { projectId?: string }) {
  const [page, setPage] = useState(1);
  const [state, setState] = useState<TaskState | null>(null);
  const tasks = useTasks({
    project_id: projectId,
    state: state ? [state] : undefined,
    limit: PAGE,
    offset: (page - 1) * PAGE,
  });
  const data = tasks.data;
  return (
    <Panel
      flush
      title={data ? plural(data.total, "task") : "Tasks"}
      actions={
        <Select
          aria-label="State"
          placeholder="Any state"
          size="xs"
          w={160}
          clearable
          data={STATES.map((value) => ({ value, label: value.replace("_", " ") }))}
          value={state}
          onChange={(next) => {
            setState(next as TaskState | null);
            setPage(1);
          }}
        />
      }
    >
      {tasks.error && (
        <div style={{ padding: 16 }}>
          <ProblemAlert error={tasks.error} onRetry={() => void tasks.refetch()} />
        </div>
      )}
      {tasks.isPending && <Skeleton height={120} radius={0} />}
      {data?.items.length === 0 && <NoTasks filtered={state !== null} projectId={projectId} />}
      {data && data.items.length > 0 && <TaskTable tasks={data.items} withProject={!projectId} />}
      {data && data.total > PAGE && (
        <Group justify="center" p="sm">
          <Pagination size="sm" total={Math.ceil(data.total / PAGE)} value={page} onChange={setPage} />
        </Group>
      )}
    </Panel>
  );
}

function NoTasks({ filtered, projectId }: { filtered: boolean; projectId?: string }) {
  if (filtered) {
    return (
      <EmptyState icon={IconBolt} title="No task is in this state">
        Choose another state, or clear the filter.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={IconBolt}
      title="No task yet"
      action={
        <Button component={Link} to={`/tasks/new${projectId ? `?project=${projectId}` : ""}`}>
          New task
        </Button>
      }
    >
      Search files, ask git or the graph, or have code changed. You see where a task would run before it does.
    </EmptyState>
  );
}
