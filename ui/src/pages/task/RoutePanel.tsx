import { Skeleton } from "@mantine/core";
import { useTaskRoute } from "../../api/tasks.ts";
import { Fold } from "../../components/Fold.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { RouteTable } from "../../components/RouteTable.tsx";
import { RouteVerdict } from "../../components/RouteVerdict.tsx";
import { plural } from "../../lib/format.ts";

/** The stored route of a task: its outcome, and every candidate for those who ask why. */
export function RoutePanel({ taskId }: { taskId: string }) {
  const route = useTaskRoute(taskId);
  return (
    <Panel title="Route" flush>
      <ProblemAlert error={route.error} />
      {route.isPending && <Skeleton height={120} radius={0} />}
      {route.data && (
        <>
          <RouteVerdict route={route.data} />
          <Fold label={`${plural(route.data.candidates.length, "candidate")}: scores and reasons`}>
            <RouteTable route={route.data} />
          </Fold>
        </>
      )}
    </Panel>
  );
}
