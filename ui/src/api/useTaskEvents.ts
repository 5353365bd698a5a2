/** A task's events as they happen, from the first one, over a stream that comes back after every break. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { isOverAfter } from "../lib/events.ts";
import { asProblem, type Problem } from "./problem.ts";
import { followEvents, type StreamStatus } from "./sse.ts";
import type { TaskEvent } from "./types.ts";

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

/** ``run`` changes when there is more to tell of a task that was over: the stream then goes on where it ended. */
export function useTaskEvents(taskId: string | null, run: string | number = 0): TaskEvents {
  const cache = useQueryClient();
  const [followed, setFollowed] = useState<TaskEvents>(NOTHING);
  const told = useRef({ taskId, seq: 0, isOver: false });
  useEffect(() => {
    if (told.current.taskId !== taskId) {
      told.current = { taskId, seq: 0, isOver: false };
      setFollowed(NOTHING);
    }
    if (taskId === null) return;
    const stop = new AbortController();
    followEvents({
      url: `/api/v1/tasks/${taskId}/events`,
      signal: stop.signal,
      lastId: told.current.seq > 0 ? String(told.current.seq) : null,
      onStatus: (status) => setFollowed((now) => ({ ...now, status, error: null })),
      isOver: () => told.current.isOver,
      onMessage: (message) => {
        const event = JSON.parse(message.data) as TaskEvent;
        told.current = { taskId, seq: event.seq, isOver: isOverAfter(event.kind, told.current.isOver) };
        setFollowed((now) => ({ ...now, events: withEvent(now.events, event) }));
        for (const stale of staleAfter(event)) {
          void cache.invalidateQueries({ queryKey: ["tasks", taskId, ...stale] });
        }
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
