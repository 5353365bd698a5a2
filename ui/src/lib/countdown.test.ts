import assert from "node:assert/strict";
import { test } from "node:test";
import { timeLeft } from "./countdown.ts";

test("what is left is told in two units, and nothing is left at the deadline", () => {
  const left = (seconds: number) => timeLeft(seconds * 1000, 0);
  assert.deepEqual([9, 192, 7500, 90_000].map(left), ["9 s", "3 min 12 s", "2 h 5 min", "1 d 1 h"]);
  assert.equal(left(0.2), "1 s");
  assert.equal(left(0), null);
  assert.equal(left(-5), null);
});
