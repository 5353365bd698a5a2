/** Events as the timeline shows them: a run of progress reports is one row, the newest, with how many there were. */
import type { TaskEvent } from "../api/types.ts";

export interface TimelineRow {
  event: TaskEvent;
  /** How many events the row stands for. */
  count: number;
}

const MERGED = "attempt.progress";

export function timelineOf(events: readonly TaskEvent[]): TimelineRow[] {
  const rows: TimelineRow[] = [];
  for (const event of events) {
    const last = rows.at(-1);
    if (last && event.kind === MERGED && last.event.kind === MERGED) {
      rows[rows.length - 1] = { event, count: last.count + 1 };
    } else {
      rows.push({ event, count: 1 });
    }
  }
  return rows;
}
