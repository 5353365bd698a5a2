/**
 * Where the steps of a team are drawn: in columns from left to right, those that stand before before those that follow,
 * and lines between them that pass where nothing stands. Pure; ``TeamGraph`` draws it.
 */
import type { TeamGraph } from "../api/types.ts";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Drawing {
  width: number;
  height: number;
  boxes: Map<string, Box>;
  lines: { earlier: string; later: string; why: string; path: string }[];
}

const WIDTH = 208;
const BETWEEN_COLUMNS = 52;
const BETWEEN_ROWS = 20;
const LANE = 10;
const EDGE = 2;

/** A step, or the place where a line passes a column. */
interface Item {
  key: string;
  height: number;
  before: string[];
}

/** ``heightOf`` says how tall a step is drawn. */
export function drawTeam(graph: TeamGraph, heightOf: (id: string) => number): Drawing {
  const columnOf = new Map(graph.nodes.map((node) => [node.id, node.column]));
  const columns: Item[][] = Array.from({ length: Math.max(0, ...columnOf.values()) + 1 }, () => []);
  const before = new Map<string, string[]>(graph.nodes.map((node) => [node.id, []]));
  const ways = graph.edges.map((edge) => {
    const [from, to] = [columnOf.get(edge.earlier) ?? 0, columnOf.get(edge.later) ?? 0];
    const lanes = Array.from({ length: Math.max(0, to - from - 1) }, (_, step) => {
      const key = `${edge.earlier} ${edge.later} ${from + step + 1}`;
      columns[from + step + 1]?.push({ key, height: LANE, before: [] });
      return key;
    });
    const way = [edge.earlier, ...lanes, edge.later];
    way.slice(1).forEach((key, step) => before.set(key, [...(before.get(key) ?? []), way[step] ?? ""]));
    return { ...edge, way };
  });
  for (const node of graph.nodes) {
    columns[node.column]?.push({ key: node.id, height: heightOf(node.id), before: [] });
  }
  const placed = place(columns, before);
  const boxes = new Map(graph.nodes.map((node) => [node.id, placed.boxes.get(node.id)!]));
  const lines = ways.map(({ earlier, later, why, way }) => ({
    earlier,
    later,
    why,
    path: line(way, placed.boxes),
  }));
  return { width: placed.width, height: placed.height, boxes, lines };
}

/** Each column in the order of what stands before it, and in the middle of the drawing's height. */
function place(columns: Item[][], before: Map<string, string[]>) {
  const heights = columns.map(
    (items) =>
      items.reduce((sum, item) => sum + item.height, 0) + BETWEEN_ROWS * Math.max(0, items.length - 1),
  );
  const height = Math.max(0, ...heights) + 2 * EDGE;
  const boxes = new Map<string, Box>();
  const middle = (key: string) => {
    const box = boxes.get(key);
    return box ? box.y + box.height / 2 : height / 2;
  };
  columns.forEach((items, column) => {
    const wanted = new Map(
      items.map(({ key }) => {
        const earlier = before.get(key) ?? [];
        return [key, earlier.reduce((sum, name) => sum + middle(name), 0) / (earlier.length || 1)];
      }),
    );
    const ordered = [...items].sort((a, b) => (wanted.get(a.key) ?? 0) - (wanted.get(b.key) ?? 0));
    let y = (height - (heights[column] ?? 0)) / 2;
    for (const item of ordered) {
      boxes.set(item.key, {
        x: EDGE + column * (WIDTH + BETWEEN_COLUMNS),
        y,
        width: WIDTH,
        height: item.height,
      });
      y += item.height + BETWEEN_ROWS;
    }
  });
  const width = columns.length * (WIDTH + BETWEEN_COLUMNS) - BETWEEN_COLUMNS + 2 * EDGE;
  return { boxes, width, height };
}

/** From the right of a step to the left of the next, level where it passes a column. */
function line(way: string[], boxes: Map<string, Box>): string {
  const [first, ...rest] = way.map((key) => boxes.get(key)!);
  if (!first) return "";
  let [x, y] = [first.x + first.width, first.y + first.height / 2];
  let path = `M ${x} ${y}`;
  rest.forEach((box, index) => {
    const [toX, toY] = [box.x, box.y + box.height / 2];
    const bend = (toX - x) / 2;
    path += ` C ${x + bend} ${y}, ${toX - bend} ${toY}, ${toX} ${toY}`;
    if (index < rest.length - 1) path += ` H ${box.x + box.width}`;
    [x, y] = [box.x + box.width, toY];
  });
  return path;
}

const ROUNDS = /^(repair|review)\.(\d+)$/;

/** Which of those done side by side a part belongs to, from 1; 0 where there is one only. */
export function copyOf(part: string): number {
  const copy = /\[(\d+)\]/.exec(part);
  return copy ? Number(copy[1]) + 1 : 0;
}

/** Which part of a step a task is, in words: ``implement[1].repair.2`` is ``#2, repair 2``. */
export function partLabel(part: string): string {
  const copy = copyOf(part);
  const round = ROUNDS.exec(part.split(".").slice(1).join("."));
  const words = [
    copy ? `#${copy}` : null,
    round ? `${round[1]} ${Number(round[2]) + (round[1] === "review" ? 1 : 0)}` : null,
  ].filter(Boolean);
  return words.join(", ") || "task";
}
