import { UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import type { DiffFile } from "../lib/diff.ts";
import { DiffCounts } from "./DiffCounts.tsx";
import classes from "./DiffFileView.module.css";
import { DiffLines } from "./DiffLines.tsx";
import type { Commenting } from "./DiffViewer.tsx";

interface Props {
  file: DiffFile;
  open: boolean;
  commenting?: Commenting;
}

/** One file of a diff: a head that folds it, and its lines. */
export function DiffFileView({ file, open: openAtFirst, commenting }: Props) {
  const [open, setOpen] = useState(openAtFirst);
  return (
    <div className={classes.file}>
      <UnstyledButton className={classes.head} onClick={() => setOpen(!open)} aria-expanded={open}>
        <IconChevronRight size={15} className={classes.chevron} data-open={open || undefined} aria-hidden />
        <span className={classes.path}>
          {file.oldPath && <span className={classes.old}>{file.oldPath} → </span>}
          {file.path}
        </span>
        {file.status !== "modified" && <span className={classes.status}>{file.status}</span>}
        <DiffCounts added={file.added} removed={file.removed} />
      </UnstyledButton>
      {open && <FileBody file={file} commenting={commenting} />}
    </div>
  );
}

function FileBody({ file, commenting }: Omit<Props, "open">) {
  if (file.binary) return <div className={classes.note}>A binary file; its content is not shown.</div>;
  if (file.hunks.length === 0) return <div className={classes.note}>No line was changed.</div>;
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={`Changes of ${file.path}`}>
      <DiffLines file={file} commenting={commenting} />
    </div>
  );
}
