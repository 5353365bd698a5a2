import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeEvent, isNamed, isOverAfter } from "./events.ts";

const REFERENCE = new URL("../../../docs/reference/events.md", import.meta.url);

test("every kind of event that the service tells has words here", () => {
  const kinds = [...readFileSync(REFERENCE, "utf8").matchAll(/^\| `([a-z_.]+)` \|/gm)].map(
    (row) => row[1] ?? "",
  );
  assert.ok(kinds.length > 20);
  assert.deepEqual(
    kinds.filter((kind) => !isNamed(kind)),
    [],
  );
});

test("an event says who speaks, what is waited for, and where work can be taken up", () => {
  const told = (kind: string, data: Record<string, unknown>) =>
    describeEvent({ seq: 1, at: "2026-01-01T00:00:00Z", kind, data });
  assert.deepEqual(told("agent.message", { role: "user", text: "Stop." }), {
    title: "Told",
    detail: "Stop.",
  });
  assert.equal(told("agent.message", { text: "Hello." }).title, "Agent");
  assert.equal(told("task.waiting", { for: "a person", question: "Which?" }).detail, "Which?");
  assert.equal(told("attempt.checkpoint", { commit: "0123456789abcdef" }).detail, "files at 0123456789");
  assert.equal(told("task.resumed", { by: "x", text: "" }).detail, null);
});

test("a task stays over when it is reviewed or merged, until it is taken up again", () => {
  const after = (...kinds: string[]) => kinds.reduce((over, kind) => isOverAfter(kind, over), false);
  assert.equal(after("task.queued", "attempt.started"), false);
  assert.equal(after("attempt.started", "task.completed", "task.reviewed", "merge.ended"), true);
  assert.equal(after("task.completed", "task.reviewed", "task.queued"), false);
});
