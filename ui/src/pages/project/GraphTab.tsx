import { Button, Group, Progress, Stack, Text } from "@mantine/core";
import { IconDatabaseSearch, IconTopologyStar3 } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useBuildGraph } from "../../api/projects.ts";
import { isOver, useTask } from "../../api/tasks.ts";
import type { Project } from "../../api/types.ts";
import { useTaskEvents } from "../../api/useTaskEvents.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { GraphReport } from "../../components/GraphReport.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { progressOf } from "../../lib/progress.ts";

/** The project's knowledge graph: build it, watch the build, see what is in it. */
export function GraphTab({ project }: { project: Project }) {
  const build = useBuildGraph(project.id);
  const [started, setStarted] = useState<string | null>(null);
  const graph = project.graph;
  const taskId = started ?? graph?.task_id ?? null;
  const ready = project.repository_state === "ready";
  const start = (
    <Button
      variant={graph?.built_at ? "default" : "filled"}
      loading={build.isPending}
      disabled={!ready || project.role === "viewer"}
      onClick={() => build.mutate(undefined, { onSuccess: ({ task_id }) => setStarted(task_id) })}
    >
      {graph?.built_at ? "Build again" : "Build the graph"}
    </Button>
  );
  return (
    <Stack gap="md">
      <ProblemAlert error={build.error} />
      {taskId && <GraphBuild key={taskId} taskId={taskId} shownWhenOver={started !== null} />}
      {graph?.built_at ? (
        <Panel
          title="Knowledge graph"
          note={
            <>
              built <TimeAgo at={graph.built_at} /> at <span className="mono">{graph.commit?.slice(0, 10)}</span>
            </>
          }
          actions={
            <>
              {start}
              <Button
                component={Link}
                to={`/sparql?project=${project.id}`}
                leftSection={<IconDatabaseSearch size={16} />}
              >
                Query
              </Button>
            </>
          }
        >
          <GraphReport graph={graph} />
        </Panel>
      ) : (
        !taskId && (
          <Panel>
            <EmptyState icon={IconTopologyStar3} title="No graph yet" action={start}>
              {ready
                ? "The code is parsed into files, modules, classes, functions, imports and calls, which people and agents query with SPARQL."
                : "The graph can be built as soon as the repository is here."}
            </EmptyState>
          </Panel>
        )
      )}
    </Stack>
  );
}

/** A build as it goes: its state, how far it is, what it does right now. */
function GraphBuild({ taskId, shownWhenOver }: { taskId: string; shownWhenOver: boolean }) {
  const task = useTask(taskId);
  const { events } = useTaskEvents(taskId);
  if (!task.data) return null;
  const over = isOver(task.data.state);
  if (over && !shownWhenOver && task.data.state === "completed") return null;
  const progress = progressOf(events);
  return (
    <Panel>
      <Group justify="space-between" mb={over ? 0 : 10}>
        <Group gap="md">
          <StateBadge state={task.data.state} reason={task.data.reason} />
          <Text size="sm">{progress.text ?? "Building the graph"}</Text>
        </Group>
        <Link to={`/tasks/${taskId}`}>
          <Text size="sm" c="dimmed" td="underline">
            All events
          </Text>
        </Link>
      </Group>
      {!over && (
        <Progress
          value={progress.percent ?? 100}
          animated={progress.percent === null}
          striped={progress.percent === null}
          size="sm"
          aria-label="Progress of the build"
        />
      )}
      {task.data.error && <ProblemText message={task.data.error.message} />}
    </Panel>
  );
}

function ProblemText({ message }: { message: string }) {
  return (
    <Text size="sm" c="var(--bad)" mt={6}>
      {message}
    </Text>
  );
}
