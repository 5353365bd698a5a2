import { words } from "../lib/format.ts";
import classes from "./StateBadge.module.css";

type Tone = "good" | "bad" | "warn" | "busy" | "quiet";

const TONES: Record<string, Tone> = {
  completed: "good",
  ready: "good",
  healthy: "good",
  available: "good",
  active: "good",
  failed: "bad",
  unhealthy: "bad",
  error: "bad",
  running: "busy",
  cloning: "busy",
  building: "busy",
  syncing: "busy",
  connecting: "busy",
  starting: "busy",
  queued: "warn",
  pending: "warn",
  degraded: "warn",
  awaiting_consent: "warn",
  awaiting_input: "warn",
  waiting: "quiet",
  skipped: "quiet",
  todo: "warn",
  doing: "busy",
  done: "good",
  passed: "good",
  chosen: "good",
  approve: "good",
  request_changes: "warn",
  reject: "bad",
  merged: "good",
  opened: "good",
  verifying: "busy",
  conflicted: "bad",
  unproven: "bad",
  connected: "good",
  needs_login: "warn",
  expired: "warn",
  ok: "good",
  allow: "good",
  input_required: "busy",
  ask: "warn",
  refused: "warn",
  deny: "bad",
  tool_error: "bad",
  invalid_input: "bad",
  timeout: "bad",
  unreachable: "bad",
  misbehaved: "bad",
};

const LABELS: Record<string, string> = { todo: "to do" };

interface Props {
  state: string;
  /** Why, when it says more than the state: "timeout", "no_target". */
  reason?: string | null;
}

/** A state as a coloured dot and a word; busy ones breathe. */
export function StateBadge({ state, reason }: Props) {
  const tone = TONES[state] ?? "quiet";
  return (
    <span className={classes.badge} data-tone={tone} data-state={state}>
      <span className={classes.dot} aria-hidden />
      {LABELS[state] ?? words(state)}
      {reason && reason !== "ok" && reason !== state && (
        <span className={classes.reason}>{words(reason)}</span>
      )}
    </span>
  );
}
