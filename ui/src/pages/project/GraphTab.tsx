import { Button, Skeleton, Stack } from "@mantine/core";
import { IconDatabaseSearch, IconTopologyStar3 } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link } from "react-router";
import { useBuildGraph, useGraph } from "../../api/graphs.ts";
import { isGraphBehind, isSyncing } from "../../api/projects.ts";
import { useGoingTask } from "../../api/tasks.ts";
import type { Project } from "../../api/types.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { GraphReport } from "../../components/GraphReport.tsx";
import { LiveTask } from "../../components/LiveTask.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";

/** The project's knowledge graph: build it, watch the build, see what is in it. */
export function GraphTab({ project }: { project: Project }) {
  const cache = useQueryClient();
  const build = useBuildGraph(project.project_id);
  const going = useGoingTask(project.project_id, "graph_build", isGraphBehind(project) || isSyncing(project));
  const [watched, setWatched] = useState<string | null>(null);
  useEffect(() => {
    if (going.data) setWatched(going.data.task_id);
  }, [going.data]);
  const start = (
    <Button
      variant={project.kg_built_at ? "default" : "filled"}
      loading={build.isPending}
      disabled={project.repository_state !== "ready" || project.role === "viewer"}
      onClick={() => build.mutate(undefined, { onSuccess: ({ task_id }) => setWatched(task_id) })}
    >
      {project.kg_built_at ? "Build again" : "Build the graph"}
    </Button>
  );
  return (
    <Stack gap="md">
      <ProblemAlert error={build.error} />
      {watched && (
        <LiveTask
          key={watched}
          taskId={watched}
          doing="Building the graph"
          done="The graph is built"
          onOver={() => {
            void cache.invalidateQueries({ queryKey: ["projects"] });
            void cache.invalidateQueries({ queryKey: ["graphs"] });
          }}
        />
      )}
      {project.kg_id && project.kg_built_at ? (
        <BuiltGraph project={project} kgId={project.kg_id} start={start} />
      ) : (
        !watched && (
          <Panel>
            <EmptyState icon={IconTopologyStar3} title="No graph yet" action={start}>
              {project.repository_state === "ready"
                ? "The code is parsed into files, modules, classes, functions, imports and calls, which people and agents query with SPARQL."
                : "The graph can be built as soon as the repository is here."}
            </EmptyState>
          </Panel>
        )
      )}
    </Stack>
  );
}

interface BuiltProps {
  project: Project;
  kgId: string;
  start: React.ReactNode;
}

function BuiltGraph({ project, kgId, start }: BuiltProps) {
  const graph = useGraph(kgId, project.kg_built_at);
  return (
    <Panel
      title="Knowledge graph"
      note={
        <>
          built <TimeAgo at={project.kg_built_at} /> at{" "}
          <span className="mono">{project.kg_commit?.slice(0, 10)}</span>
        </>
      }
      actions={
        <>
          {start}
          <Button
            component={Link}
            to={`/sparql?project=${project.project_id}`}
            leftSection={<IconDatabaseSearch size={16} />}
          >
            Query
          </Button>
        </>
      }
    >
      <ProblemAlert error={graph.error} />
      {graph.isPending && <Skeleton height={90} />}
      {graph.data && <GraphReport graph={graph.data} />}
    </Panel>
  );
}
