import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskEvent } from "../api/types.ts";
import { describeEvent } from "./events.ts";
import { progressOf } from "./progress.ts";

const told = (data: Record<string, unknown>): TaskEvent =>
  ({ seq: 1, kind: "attempt.progress", at: "2026-11-30T12:00:00Z", data }) as unknown as TaskEvent;

test("a build tells how far it is and how long the phase may take", () => {
  const event = told({ phase: "resolve", done: 700, total: 2800, seconds_left: 41.7 });
  assert.deepEqual(progressOf([event]), { percent: 25, text: "resolve", left: "about 42 s left" });
  assert.equal(describeEvent(event).detail, "resolve, 700 of 2800, about 42 s left");
});

test("nothing is said of the time while nobody knows it, or when it is over", () => {
  for (const seconds of [null, undefined, 0, 0.4])
    assert.equal(progressOf([told({ phase: "read", seconds_left: seconds })]).left, null);
  assert.equal(progressOf([told({ phase: "read", seconds_left: 125 })]).left, "about 2 min 5 s left");
});
