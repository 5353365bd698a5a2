import { Loader, Skeleton, Text } from "@mantine/core";
import { useRef } from "react";
import { useRoutePreview } from "../../api/tasks.ts";
import type { NewTask } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { RouteTable } from "../../components/RouteTable.tsx";
import { RouteVerdict } from "../../components/RouteVerdict.tsx";

/** Where the task would run, kept in step with the form. */
export function RoutePreview({ task }: { task: NewTask | null }) {
  // While the form is between two readable states, the last readable one stands.
  const last = useRef(task);
  if (task) last.current = task;
  const route = useRoutePreview(last.current);
  return (
    <Panel
      flush
      title="Route preview"
      note="nothing is saved"
      actions={route.isFetching ? <Loader size={14} aria-label="Asking the router" /> : null}
    >
      {route.error ? (
        <div style={{ padding: 16 }}>
          <ProblemAlert error={route.error} />
        </div>
      ) : route.data ? (
        <>
          <RouteVerdict route={route.data} />
          <RouteTable route={route.data} />
        </>
      ) : route.isFetching ? (
        <Skeleton height={200} radius={0} />
      ) : (
        <Text c="dimmed" size="sm" p="md">
          Pick a type to see who could take it.
        </Text>
      )}
    </Panel>
  );
}
