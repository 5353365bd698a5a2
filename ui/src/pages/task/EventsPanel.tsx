import { Text } from "@mantine/core";
import { useState } from "react";
import { isAgents } from "../../api/tasks.ts";
import type { Task, TaskEvent } from "../../api/types.ts";
import type { TaskEvents } from "../../api/useTaskEvents.ts";
import { EventTimeline } from "../../components/EventTimeline.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { plural } from "../../lib/format.ts";
import { ForkDialog } from "./ForkDialog.tsx";

const LABELS = {
  connecting: "connecting",
  live: "live",
  reconnecting: "reconnecting",
  ended: "complete",
} as const;

/** The events of a task as they happen, whether the stream is there, and a fork from any of them. */
export function EventsPanel({ task, followed }: { task: Task; followed: TaskEvents }) {
  const { events, status, error } = followed;
  const [from, setFrom] = useState<TaskEvent | null>(null);
  return (
    <Panel
      title="Events"
      note={plural(events.length, "event")}
      actions={
        status === "ended" ? (
          <Text size="xs" c="dimmed">
            {LABELS[status]}
          </Text>
        ) : (
          <StateBadge
            state={status === "live" ? "live" : "connecting"}
            reason={status === "reconnecting" ? status : null}
          />
        )
      }
    >
      <ProblemAlert error={error} />
      <EventTimeline events={events} onFork={isAgents(task) ? setFrom : undefined} />
      {from && <ForkDialog task={task} event={from} onClose={() => setFrom(null)} />}
    </Panel>
  );
}
