import { Text } from "@mantine/core";
import type { TaskEvents } from "../../api/useTaskEvents.ts";
import { EventTimeline } from "../../components/EventTimeline.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { plural } from "../../lib/format.ts";

const LABELS = {
  connecting: "connecting",
  live: "live",
  reconnecting: "reconnecting",
  ended: "complete",
} as const;

/** The events of a task as they happen, and whether the stream is there. */
export function EventsPanel({ followed }: { followed: TaskEvents }) {
  const { events, status, error } = followed;
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
      <EventTimeline events={events} />
    </Panel>
  );
}
