import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_WISHES, wishesOf, words } from "./taskWishes.ts";

test("a line becomes a program and its arguments, held together by quotes", () => {
  assert.deepEqual(words("python3 -m pytest -q"), ["python3", "-m", "pytest", "-q"]);
  assert.deepEqual(words(`  grep -q 'y = 3' "b c".py  `), ["grep", "-q", "y = 3", "b c.py"]);
  assert.deepEqual(words(String.raw`echo "a \"b\"" c\ d ''`), ["echo", 'a "b"', "c d", ""]);
  assert.deepEqual(words("   "), []);
});

test("what nobody wants is not sent", () => {
  assert.deepEqual(wishesOf(NO_WISHES), {});
  const wanted = { ...NO_WISHES, commands: "true\n\nfalse", money: 0.5, tryBy: ["agent:codex"] };
  assert.deepEqual(wishesOf(wanted), {
    acceptance: [
      { kind: "command", command: ["true"] },
      { kind: "command", command: ["false"] },
    ],
    budget: { money: 0.5 },
    tries: { agents: ["agent:codex"], count: 0, choose: "person" },
  });
});
