import type { TaskEvent } from "../api/types.ts";
import { duration } from "./format.ts";

export interface ProgressNow {
  /** 0 to 100; null while nobody said how much there is. */
  percent: number | null;
  text: string | null;
  /** "12 s left", as it told; null while nobody can say. */
  left: string | null;
}

/** How far a task is, by the last progress it told. */
export function progressOf(events: readonly TaskEvent[]): ProgressNow {
  const last = events.findLast((event) => event.kind === "attempt.progress");
  if (!last) return { percent: null, text: null, left: null };
  const { percent, done, total, progress } = last.data;
  const text = last.data.message ?? last.data.phase ?? last.data.stage;
  return {
    percent: percentOf(percent, done ?? progress, total),
    text: typeof text === "string" ? text : null,
    left: leftOf(last.data),
  };
}

/** How long a phase may still take, in whole seconds; nothing where it is about to end. */
export function leftOf(data: Record<string, unknown>): string | null {
  const seconds = data.seconds_left;
  if (typeof seconds !== "number" || seconds < 1) return null;
  return `about ${seconds < 60 ? `${Math.round(seconds)} s` : duration(seconds)} left`;
}

function percentOf(percent: unknown, done: unknown, total: unknown): number | null {
  if (typeof percent === "number") return Math.min(100, Math.max(0, percent));
  if (typeof done === "number" && typeof total === "number" && total > 0)
    return Math.min(100, (done / total) * 100);
  return null;
}
