/** Events in words, for the timeline. Kinds the console does not know are shown by their name. */
import type { TaskEvent } from "../api/types.ts";
import { capital, clock, plural, words } from "./format.ts";
import { leftOf } from "./progress.ts";

type Data = Record<string, unknown>;
type Words = [string | ((data: Data) => string), (data: Data) => string | null];

const none = () => null;

const KINDS: Record<string, Words> = {
  "task.created": ["Created", none],
  "task.routed": ["Routed", routed],
  "task.queued": ["Queued", (data) => text(data.queue)],
  "attempt.started": ["Started", attempt],
  "attempt.progress": ["Progress", progress],
  "attempt.log": ["Log", (data) => text(data.message ?? data.text ?? data.line)],
  "tool.called": ["Tool called", (data) => text(data.tool ?? data.name)],
  "tool.returned": [
    "Tool returned",
    (data) => joined(text(data.tool ?? data.name), data.is_error ? "with an error" : null),
  ],
  "agent.message": [speaker, (data) => text(data.text ?? data.message)],
  "attempt.checkpoint": ["Checkpoint", checkpoint],
  "diff.ready": ["Diff ready", diff],
  "proof.started": ["Verifying", none],
  "proof.result": ["Criterion", (data) => joined(text(data.name), text(data.verdict), text(data.why))],
  "task.reviewed": ["Reviewed", (data) => joined(text(data.verdict), text(data.summary))],
  "merge.queued": ["In the merge queue", (data) => text(data.action)],
  "merge.ended": [(data) => (data.action === "undo" ? "Undo" : "Merge"), merged],
  "task.overlap": ["Overlap", (data) => text(data.message)],
  "task.collision": ["Collision", (data) => text(data.message)],
  "task.handed_over": ["Handed over", (data) => joined(text(data.to), text(data.why))],
  "attempt.ended": ["Attempt ended", (data) => reason(data)],
  "task.retry": ["Will try again", (data) => reason(data)],
  "task.waiting": ["Waiting", waiting],
  "task.answered": ["Answered", (data) => text(data.message ?? data.answer)],
  "task.pause_requested": ["Pause requested", none],
  "task.resumed": ["Resumed", (data) => text(data.text)],
  "task.cancel_requested": ["Cancel requested", none],
  "task.completed": ["Completed", none],
  "task.failed": ["Failed", (data) => reason(data)],
  "task.cancelled": ["Cancelled", (data) => reason(data)],
};

const TONES: Record<string, string> = {
  "task.completed": "good",
  "task.failed": "bad",
  "task.cancelled": "bad",
  "attempt.started": "busy",
  "attempt.progress": "busy",
  "task.retry": "warn",
  "task.waiting": "warn",
  "task.overlap": "warn",
  "task.handed_over": "warn",
  "task.collision": "warn",
  "task.cancel_requested": "warn",
  "task.pause_requested": "warn",
  "task.resumed": "busy",
};

/** What to say about an event. */
export function describeEvent(event: TaskEvent): { title: string; detail: string | null } {
  const [title, detail] = KINDS[event.kind] ?? [capital(words(event.kind.replace(".", " "))), none];
  return { title: typeof title === "string" ? title : title(event.data), detail: detail(event.data) };
}

/** Whether the console has words of its own for a kind of event. */
export function isNamed(kind: string): boolean {
  return kind in KINDS;
}

/** The colour an event's dot takes. */
export function toneOf(kind: string): string {
  return TONES[kind] ?? "quiet";
}

function text(value: unknown): string | null {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value.slice(0, 300) : null;
}

function joined(...parts: (string | null)[]): string | null {
  return parts.filter(Boolean).join(", ") || null;
}

function merged(data: Data): string | null {
  const [state, message] = [text(data.state), text(data.message)];
  return message?.startsWith(state ?? "") ? message : joined(state, message);
}

function attempt(data: Data): string | null {
  const number = data.generation ?? data.attempt;
  return typeof number === "number" && number > 1 ? `attempt ${number}` : null;
}

function speaker(data: Data): string {
  if (data.role === "user") return "Told";
  return data.role === "thought" ? "Thought" : "Agent";
}

function checkpoint(data: Data): string | null {
  return typeof data.commit === "string" ? `files at ${data.commit.slice(0, 10)}` : "where the agent stands";
}

function waiting(data: Data): string | null {
  const until = typeof data.until === "string" ? `until ${clock(data.until).slice(0, 8)}` : null;
  const what = text(data.question ?? data.waiting_for ?? data.for);
  return joined(what, what?.includes(" until ") ? null : until);
}

function routed(data: Data): string | null {
  const target = text(data.target ?? data.target_id);
  return target ? `to ${target}` : "no target";
}

function progress(data: Data): string | null {
  const { done, total, percent } = data;
  const amount =
    typeof done === "number" && typeof total === "number"
      ? `${done} of ${total}`
      : typeof percent === "number"
        ? `${Math.round(percent)} %`
        : null;
  return joined(text(data.message ?? data.phase ?? data.stage), amount, leftOf(data));
}

function reason(data: Data): string | null {
  const error = data.error as Data | undefined;
  const why = text(data.reason);
  return joined(why && why !== "ok" ? words(why) : null, text(error?.message ?? data.message));
}

function diff(data: Data): string | null {
  const files = data.changed_files ?? (Array.isArray(data.files) ? data.files.length : null);
  if (typeof files !== "number") return null;
  const lines = typeof data.added === "number" ? `+${data.added} −${String(data.removed)}` : null;
  return joined(plural(files, "file"), lines);
}

const LAST_KINDS = new Set(["task.completed", "task.failed", "task.cancelled"]);
const AGAIN_KINDS = new Set(["task.queued", "task.routed", "task.retry", "task.resumed", "attempt.started"]);

/** Whether a task is over once this was told of it. Reviews and merges are told afterwards and change nothing in that. */
export function isOverAfter(kind: string, wasOver: boolean): boolean {
  return LAST_KINDS.has(kind) || (wasOver && !AGAIN_KINDS.has(kind));
}
