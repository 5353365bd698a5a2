import assert from "node:assert/strict";
import { test } from "node:test";
import { safeNext } from "./safeNext.ts";

test("only paths of the console are gone to after log-in", () => {
  assert.equal(safeNext("/tasks/1?x=2"), "/tasks/1?x=2");
  for (const bad of [
    null,
    "",
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
  ]) {
    assert.equal(safeNext(bad), "/projects");
  }
});
