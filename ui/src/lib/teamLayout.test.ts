import assert from "node:assert/strict";
import { test } from "node:test";
import type { TeamGraph } from "../api/types.ts";
import { drawTeam, partLabel } from "./teamLayout.ts";

const node = (id: string, column: number): TeamGraph["nodes"][number] => ({
  id,
  column,
  agent: "agent:scripted",
  does: "agent:scripted",
  state: "",
  parts: [],
});
const edge = (earlier: string, later: string) => ({ earlier, later, why: "needs" });

test("a step stands right of those it needs, and none stands on another", () => {
  const graph = {
    nodes: [node("plan", 0), node("a", 1), node("b", 1), node("c", 1), node("end", 2)],
    edges: [edge("plan", "a"), edge("plan", "b"), edge("plan", "c"), edge("a", "end"), edge("c", "end")],
    result: "end",
  };
  const { boxes, lines, width, height } = drawTeam(graph, (id) => (id === "b" ? 200 : 80));
  for (const { earlier, later } of lines) {
    assert.ok(boxes.get(earlier)!.x + boxes.get(earlier)!.width < boxes.get(later)!.x);
  }
  const all = [...boxes.values()];
  for (const [index, one] of all.entries()) {
    assert.ok(one.x >= 0 && one.y >= 0 && one.x + one.width <= width && one.y + one.height <= height);
    for (const other of all.slice(index + 1)) {
      const apart = one.x !== other.x || one.y + one.height <= other.y || other.y + other.height <= one.y;
      assert.ok(apart);
    }
  }
});

test("a line that passes a column keeps clear of the steps in it", () => {
  const graph = {
    nodes: [node("first", 0), node("between", 1), node("last", 2)],
    edges: [edge("first", "between"), edge("between", "last"), edge("first", "last")],
    result: "last",
  };
  const { boxes, lines } = drawTeam(graph, () => 80);
  const between = boxes.get("between")!;
  const long = lines.find((one) => one.earlier === "first" && one.later === "last")!;
  const level = / ([\d.]+), [\d.]+ [\d.]+ H /.exec(long.path);
  const points = [...long.path.matchAll(/([\d.]+) ([\d.]+)(?= H)/g)].map((found) => Number(found[2]));
  assert.ok(level && points.length === 1);
  assert.ok(points[0]! < between.y || points[0]! > between.y + between.height);
});

test("a team of one step and one without lines are drawn", () => {
  const { width, height, lines } = drawTeam(
    { nodes: [node("only", 0)], edges: [], result: "only" },
    () => 80,
  );
  assert.deepEqual([width > 0, height, lines], [true, 84, []]);
});

test("parts are told in words", () => {
  assert.equal(partLabel("implement"), "task");
  assert.equal(partLabel("implement[1]"), "#2");
  assert.equal(partLabel("implement.review.0"), "review 1");
  assert.equal(partLabel("implement[0].repair.2"), "#1, repair 2");
});
