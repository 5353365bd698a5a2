import { Text } from "@mantine/core";
import { useMemo } from "react";
import { parseDiff } from "../lib/diff.ts";
import { plural } from "../lib/format.ts";
import { DiffCounts } from "./DiffCounts.tsx";
import { DiffFileView } from "./DiffFileView.tsx";
import classes from "./DiffViewer.module.css";

const OPEN_BELOW_LINES = 400;

/** A unified diff, file by file. Very long files start closed. */
export function DiffViewer({ text, truncated = false }: { text: string; truncated?: boolean }) {
  const files = useMemo(() => parseDiff(text), [text]);
  if (files.length === 0) {
    return (
      <Text c="dimmed" size="sm">
        Nothing was changed.
      </Text>
    );
  }
  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  return (
    <div className={classes.diff} aria-label="Diff">
      <div className={classes.summary}>
        {plural(files.length, "file")} changed <DiffCounts added={added} removed={removed} />
        {truncated && <span className={classes.cut}>The diff was too large and is cut here.</span>}
      </div>
      {files.map((file) => (
        <DiffFileView key={file.path} file={file} open={file.added + file.removed < OPEN_BELOW_LINES} />
      ))}
    </div>
  );
}
