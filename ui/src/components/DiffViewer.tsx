import { Text } from "@mantine/core";
import { useMemo } from "react";
import type { LineComment } from "../api/types.ts";
import { type DiffFile, parseDiff } from "../lib/diff.ts";
import { plural } from "../lib/format.ts";
import type { ReviewDraft } from "../lib/useReviewDraft.ts";
import { DiffCounts } from "./DiffCounts.tsx";
import { DiffFileView } from "./DiffFileView.tsx";
import classes from "./DiffViewer.module.css";

const OPEN_BELOW_LINES = 400;

/** What was said of the lines of a diff, and the comments being written on them where that may be. */
export interface Commenting {
  said: Map<string, SaidComment[]>;
  draft: ReviewDraft | null;
}

export type SaidComment = LineComment & { by: string };

interface Props {
  text: string;
  truncated?: boolean;
  commenting?: Commenting;
}

/** A unified diff, file by file. */
export function DiffViewer({ text, ...rest }: Props) {
  const files = useMemo(() => parseDiff(text), [text]);
  return <DiffFiles files={files} {...rest} />;
}

/** The files of a diff. Very long ones start closed. */
export function DiffFiles({
  files,
  truncated = false,
  commenting,
}: Omit<Props, "text"> & { files: DiffFile[] }) {
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
        <DiffFileView
          key={file.path}
          file={file}
          open={file.added + file.removed < OPEN_BELOW_LINES}
          commenting={commenting}
        />
      ))}
    </div>
  );
}
