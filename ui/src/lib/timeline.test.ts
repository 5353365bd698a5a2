import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskEvent } from "../api/types.ts";
import { timelineOf } from "./timeline.ts";

const event = (seq: number, kind: string): TaskEvent => ({ seq, kind, at: "2026-01-01T00:00:00Z", data: {} });

test("a run of progress is one row with the newest, other events stay apart", () => {
  const kinds = [
    "attempt.started",
    "attempt.progress",
    "attempt.progress",
    "attempt.log",
    "attempt.progress",
  ];
  const rows = timelineOf(kinds.map((kind, index) => event(index + 1, kind)));
  assert.deepEqual(
    rows.map((row) => [row.event.seq, row.count]),
    [
      [1, 1],
      [3, 2],
      [4, 1],
      [5, 1],
    ],
  );
});
