/** Unified diff text to files, hunks and numbered lines. Understands what `git diff` writes; shows the rest as it is. */

export interface DiffLine {
  kind: "context" | "add" | "delete" | "note";
  old: number | null;
  new: number | null;
  text: string;
}

export interface DiffHunk {
  header: string;
  lines: DiffLine[];
}

export type DiffStatus = "added" | "deleted" | "renamed" | "modified";

export interface DiffFile {
  path: string;
  oldPath: string | null;
  status: DiffStatus;
  binary: boolean;
  added: number;
  removed: number;
  hunks: DiffHunk[];
}

interface Told {
  path: string;
  old_path: string | null;
  status: string;
  binary: boolean;
  added: number;
  removed: number;
  hunks: {
    header: string;
    lines: { kind: string; old: number | null; new: number | null; text: string }[];
  }[];
}

const KINDS: Record<string, DiffLine["kind"]> = { added: "add", removed: "delete", context: "context" };

/** A file of a diff as the service tells it. */
export function toDiffFile(file: Told): DiffFile {
  const known = file.status === "added" || file.status === "deleted" || file.status === "renamed";
  return {
    path: file.path,
    oldPath: file.old_path,
    status: known ? (file.status as DiffStatus) : "modified",
    binary: file.binary,
    added: file.added,
    removed: file.removed,
    hunks: file.hunks.map((hunk) => ({
      header: hunk.header,
      lines: hunk.lines.map((line) => ({ ...line, kind: KINDS[line.kind] ?? "note" })),
    })),
  };
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/;

/** The files of a unified diff, in order. */
export function parseDiff(text: string): DiffFile[] {
  const files: DiffFile[] = [];
  let file: DiffFile | null = null;
  let hunk: DiffHunk | null = null;
  let position = { old: 0, new: 0 };
  for (const line of text.split("\n")) {
    const opened = openFile(line, file, hunk !== null);
    if (opened) {
      file = opened;
      hunk = null;
      files.push(file);
      continue;
    }
    if (!file) continue;
    const match = HUNK.exec(line);
    if (match) {
      hunk = { header: (match[3] ?? "").trim(), lines: [] };
      position = { old: Number(match[1]), new: Number(match[2]) };
      file.hunks.push(hunk);
    } else if (hunk) {
      addLine(file, hunk, line, position);
    } else {
      readHeader(file, line);
    }
  }
  return files;
}

function openFile(line: string, current: DiffFile | null, inHunk: boolean): DiffFile | null {
  if (line.startsWith("diff --git ")) return emptyFile(pathOfHeader(line));
  // A diff without git's own header starts at "---"; inside a hunk that would be a removed line.
  if (line.startsWith("--- ") && current === null && !inHunk) {
    const file = emptyFile("");
    readHeader(file, line);
    return file;
  }
  return null;
}

function emptyFile(path: string): DiffFile {
  return { path, oldPath: null, status: "modified", binary: false, added: 0, removed: 0, hunks: [] };
}

function pathOfHeader(line: string): string {
  const half = line.slice("diff --git ".length);
  return unquote(half.slice(Math.ceil(half.length / 2))).replace(/^b\//, "");
}

function readHeader(file: DiffFile, line: string): void {
  if (line.startsWith("new file mode")) file.status = "added";
  else if (line.startsWith("deleted file mode")) file.status = "deleted";
  else if (line.startsWith("rename from ")) {
    file.oldPath = unquote(line.slice("rename from ".length));
    file.status = "renamed";
  } else if (line.startsWith("rename to ")) file.path = unquote(line.slice("rename to ".length));
  else if (line.startsWith("Binary files ") || line.startsWith("GIT binary patch")) file.binary = true;
  else if (line.startsWith("--- ") || line.startsWith("+++ ")) readPath(file, line);
}

function readPath(file: DiffFile, line: string): void {
  const path = unquote(line.slice(4).split("\t")[0] ?? "");
  if (path === "/dev/null") {
    file.status = line.startsWith("---") ? "added" : "deleted";
  } else {
    file.path = path.replace(/^[ab]\//, "");
  }
}

function addLine(file: DiffFile, hunk: DiffHunk, line: string, at: { old: number; new: number }): void {
  const text = line.slice(1);
  if (line.startsWith("+")) {
    file.added += 1;
    hunk.lines.push({ kind: "add", old: null, new: at.new++, text });
  } else if (line.startsWith("-")) {
    file.removed += 1;
    hunk.lines.push({ kind: "delete", old: at.old++, new: null, text });
  } else if (line.startsWith(" ")) {
    hunk.lines.push({ kind: "context", old: at.old++, new: at.new++, text });
  } else if (line.startsWith("\\")) {
    hunk.lines.push({ kind: "note", old: null, new: null, text: text.trim() });
  }
}

// git quotes paths with unusual characters like a C string, bytes in octal.
function unquote(path: string): string {
  if (!path.startsWith('"') || !path.endsWith('"')) return path;
  const bytes: number[] = [];
  const escapes: Record<string, number> = { n: 10, t: 9, r: 13, '"': 34, "\\": 92 };
  const encoder = new TextEncoder();
  for (const part of path.slice(1, -1).match(/\\[0-7]{3}|\\.|[^\\]+/gu) ?? []) {
    if (/^\\[0-7]{3}$/.test(part)) bytes.push(parseInt(part.slice(1), 8));
    else if (part.startsWith("\\")) bytes.push(escapes[part[1] ?? ""] ?? part.charCodeAt(1));
    else bytes.push(...encoder.encode(part));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
