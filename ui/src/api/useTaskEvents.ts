/** A task's events as they happen, from the first one, over a stream that comes back after every break. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { asProblem, type Problem } from "./problem.ts";
import { followEvents, type StreamStatus } from "./sse.ts";
import type { TaskEvent } from "./types.ts";

const LAST_KINDS = new Set(["task.completed", "task.failed", "task.cancelled"]);
const QUIET_KINDS = new Set([
  "attempt.progress",
  "attempt.log",
  "attempt.checkpoint",
  "tool.called",
  "tool.returned",
  "agent.message",
]);

export interface TaskEvents {
  events: TaskEvent[];
  status: StreamStatus;
  error: Problem | null;
}

const NOTHING: TaskEvents = { events: [], status: "connecting", error: null };

/** ``run`` changes when a finished task was started again, so that the stream is opened anew. */
export function useTaskEvents(taskId: string | null, run: string | number = 0): TaskEvents {
  const cache = useQueryClient();
  const [followed, setFollowed] = useState<TaskEvents>(NOTHING);
  useEffect(() => {
    setFollowed(NOTHING);
    if (taskId === null) return;
    const stop = new AbortController();
    let lastKind = "";
    followEvents({
      url: `/api/v1/tasks/${taskId}/events`,
      signal: stop.signal,
      onStatus: (status) => setFollowed((now) => ({ ...now, status })),
      isOver: () => LAST_KINDS.has(lastKind),
      onMessage: (message) => {
        const event = JSON.parse(message.data) as TaskEvent;
        setFollowed((now) => ({ ...now, events: withEvent(now.events, event) }));
        for (const stale of staleAfter(event)) {
          void cache.invalidateQueries({ queryKey: ["tasks", taskId, ...stale] });
        }
        lastKind = event.kind;
      },
    }).catch((error: unknown) =>
      setFollowed((now) => ({ ...now, status: "ended", error: asProblem(error) })),
    );
    return () => stop.abort();
  }, [taskId, run, cache]);
  return followed;
}

/** What of a task is to be read again after an event: all of it, its parts, or nothing. */
function staleAfter({ kind, data }: TaskEvent): string[][] {
  if (!QUIET_KINDS.has(kind)) return [[]];
  return "part" in data || "step" in data ? [["graph"], ["parts"]] : [];
}

function withEvent(events: TaskEvent[], event: TaskEvent): TaskEvent[] {
  const last = events.at(-1);
  return last && event.seq <= last.seq ? events : [...events, event];
}
