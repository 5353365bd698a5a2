import { useIsTeam, useParts, useTeamGraph } from "../../api/together.ts";
import type { Task, TeamGraph as Graph } from "../../api/types.ts";
import { Fold } from "../../components/Fold.tsx";
import { Panel } from "../../components/Panel.tsx";
import { PartTree } from "../../components/PartTree.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { TeamGraph } from "../../components/TeamGraph.tsx";
import { plural } from "../../lib/format.ts";

/** What others do of a task: its team as a graph, and every task that agents made of it as a tree. */
export function TogetherPanel({ task }: { task: Task }) {
  const isTeam = useIsTeam(task);
  const graph = useTeamGraph(task, isTeam);
  const parts = useParts(task);
  const below = parts.data?.items ?? [];
  const tree = <PartTree parts={below} root={task.task_id} />;
  return (
    <>
      <ProblemAlert error={graph.error ?? parts.error} />
      {graph.data && (
        <Panel flush title="Team" note={howFar(graph.data)}>
          <TeamGraph graph={graph.data} />
          {below.length > 0 && (
            <Fold label={`${plural(below.length, "task")} made of it, as a tree`}>{tree}</Fold>
          )}
        </Panel>
      )}
      {!graph.data && below.length > 0 && (
        <Panel flush title="Parts" note={`${plural(below.length, "task")} that agents made of it`}>
          {tree}
        </Panel>
      )}
    </>
  );
}

function howFar({ nodes }: Graph): string {
  const done = nodes.filter((node) => node.state === "completed").length;
  return done > 0 ? `${done} of ${plural(nodes.length, "step")} done` : plural(nodes.length, "step");
}
