import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDiff } from "./diff.ts";

const SAMPLE = `diff --git a/app/main.py b/app/main.py
index 1111111..2222222 100644
--- a/app/main.py
+++ b/app/main.py
@@ -1,3 +1,3 @@ def main():
 import sys
-import os
+import json
 
--- looks like a header, is a removed line
diff --git a/new.py b/new.py
new file mode 100644
index 0000000..3333333
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+print("hi")
\\ No newline at end of file
diff --git a/logo.png b/logo.png
index 1..2 100644
Binary files a/logo.png and b/logo.png differ
diff --git a/old.py b/fresh.py
similarity index 100%
rename from old.py
rename to fresh.py
diff --git "a/caf\\303\\251.py" "b/caf\\303\\251.py"
deleted file mode 100644
--- "a/caf\\303\\251.py"
+++ /dev/null
@@ -1 +0,0 @@
-x = 1
`;

test("a diff of git becomes files with their status and counts", () => {
  const files = parseDiff(SAMPLE);
  assert.deepEqual(
    files.map((f) => [f.path, f.status, f.added, f.removed, f.binary]),
    [
      ["app/main.py", "modified", 1, 2, false],
      ["new.py", "added", 1, 0, false],
      ["logo.png", "modified", 0, 0, true],
      ["fresh.py", "renamed", 0, 0, false],
      ["café.py", "deleted", 0, 1, false],
    ],
  );
});

test("lines carry their numbers on both sides", () => {
  const lines = parseDiff(SAMPLE)[0]?.hunks[0]?.lines ?? [];
  assert.deepEqual(
    lines.map((l) => [l.kind, l.old, l.new]),
    [
      ["context", 1, 1],
      ["delete", 2, null],
      ["add", null, 2],
      ["context", 3, 3],
      ["delete", 4, null],
    ],
  );
});

test("a missing newline is a note, not a line", () => {
  const lines = parseDiff(SAMPLE)[1]?.hunks[0]?.lines ?? [];
  assert.deepEqual(lines.at(-1), { kind: "note", old: null, new: null, text: "No newline at end of file" });
});

test("text that is no diff has no files", () => {
  assert.deepEqual(parseDiff("nothing to see here\n"), []);
});
