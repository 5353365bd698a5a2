import type { TaskEvent } from "../api/types.ts";

export interface ProgressNow {
  /** 0 to 100; null while nobody said how much there is. */
  percent: number | null;
  text: string | null;
}

/** How far a task is, by the last progress it told. */
export function progressOf(events: readonly TaskEvent[]): ProgressNow {
  const last = events.findLast((event) => event.kind === "attempt.progress");
  if (!last) return { percent: null, text: null };
  const { percent, done, total, progress } = last.data;
  const text = last.data.message ?? last.data.phase ?? last.data.stage;
  return {
    percent: percentOf(percent, done ?? progress, total),
    text: typeof text === "string" ? text : null,
  };
}

function percentOf(percent: unknown, done: unknown, total: unknown): number | null {
  if (typeof percent === "number") return Math.min(100, Math.max(0, percent));
  if (typeof done === "number" && typeof total === "number" && total > 0)
    return Math.min(100, (done / total) * 100);
  return null;
}
