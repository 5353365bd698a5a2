import { Skeleton } from "@mantine/core";
import { useTaskRoute } from "../../api/tasks.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { RouteTable } from "../../components/RouteTable.tsx";
import { RouteVerdict } from "../../components/RouteVerdict.tsx";

/** The stored route of a task. */
export function RoutePanel({ taskId }: { taskId: string }) {
  const route = useTaskRoute(taskId);
  return (
    <Panel title="Route" flush>
      <ProblemAlert error={route.error} />
      {route.isPending && <Skeleton height={120} radius={0} />}
      {route.data && (
        <>
          <RouteVerdict route={route.data} />
          <RouteTable route={route.data} />
        </>
      )}
    </Panel>
  );
}
