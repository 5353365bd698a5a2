/** Comments on the lines of a diff: those being written, kept in this browser, and those that reviews hold. */
import type { LineComment } from "../api/types.ts";
import type { DiffLine } from "./diff.ts";

export type Place = Pick<LineComment, "path" | "line"> & { side: "old" | "new" };

/** Where a comment on a line goes: to the new side, unless the line was removed. Notes are no lines. */
export function placeOf(path: string, oldPath: string | null, line: DiffLine): Place | null {
  if (line.new !== null) return { path, line: line.new, side: "new" };
  return line.old !== null ? { path: oldPath ?? path, line: line.old, side: "old" } : null;
}

export function keyOf(place: Pick<LineComment, "path" | "line" | "side">): string {
  return `${place.side ?? "new"}:${place.line}:${place.path}`;
}

/** Comments by the line they are about. */
export function byLine<T extends LineComment>(comments: readonly T[]): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const comment of comments) {
    const key = keyOf(comment);
    found.set(key, [...(found.get(key) ?? []), comment]);
  }
  return found;
}
