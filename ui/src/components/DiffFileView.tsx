import { UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import type { DiffFile, DiffHunk } from "../lib/diff.ts";
import { DiffCounts } from "./DiffCounts.tsx";
import classes from "./DiffFileView.module.css";

/** One file of a diff: a head that folds it, and its hunks with line numbers of both sides. */
export function DiffFileView({ file, open: openAtFirst }: { file: DiffFile; open: boolean }) {
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
      {open && <FileBody file={file} />}
    </div>
  );
}

function FileBody({ file }: { file: DiffFile }) {
  if (file.binary) return <div className={classes.note}>A binary file; its content is not shown.</div>;
  if (file.hunks.length === 0) return <div className={classes.note}>No line was changed.</div>;
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={`Changes of ${file.path}`}>
      <table className={classes.table}>
        {file.hunks.map((hunk, index) => (
          <Hunk key={index} hunk={hunk} first={index === 0} />
        ))}
      </table>
    </div>
  );
}

function Hunk({ hunk, first }: { hunk: DiffHunk; first: boolean }) {
  return (
    <tbody>
      {(!first || hunk.header) && (
        <tr className={classes.gap}>
          <td colSpan={2}>⋯</td>
          <td>{hunk.header}</td>
        </tr>
      )}
      {hunk.lines.map((line, index) => (
        <tr key={index} data-kind={line.kind}>
          <td className={classes.number}>{line.old}</td>
          <td className={classes.number}>{line.new}</td>
          <td className={classes.text}>{line.text || " "}</td>
        </tr>
      ))}
    </tbody>
  );
}
