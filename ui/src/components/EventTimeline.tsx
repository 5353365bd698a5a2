import { Text } from "@mantine/core";
import type { TaskEvent } from "../api/types.ts";
import { timelineOf } from "../lib/timeline.ts";
import { EventItem } from "./EventItem.tsx";
import classes from "./EventTimeline.module.css";

interface Props {
  events: TaskEvent[];
  onFork?: (event: TaskEvent) => void;
}

/** Events in order, told in words. New ones are announced to screen readers. */
export function EventTimeline({ events, onFork }: Props) {
  if (events.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        Waiting for the first event.
      </Text>
    );
  }
  return (
    <ol className={classes.timeline} aria-live="polite" aria-label="Events">
      {timelineOf(events).map(({ event, count }) => (
        <EventItem key={event.seq} event={event} count={count} onFork={onFork} />
      ))}
    </ol>
  );
}
