import { Button, UnstyledButton } from "@mantine/core";
import type { KeyboardEvent, MouseEvent } from "react";
import type { DiffFile, DiffHunk, DiffLine } from "../lib/diff.ts";
import { keyOf, type Place, placeOf } from "../lib/lineComments.ts";
import { CommentForm } from "./CommentForm.tsx";
import classes from "./DiffLines.module.css";
import type { Commenting } from "./DiffViewer.tsx";

interface Props {
  file: DiffFile;
  commenting?: Commenting;
}

/** The hunks of a file, with line numbers of both sides. Where it may be, a click on a line writes a comment on it. */
export function DiffLines({ file, commenting }: Props) {
  const begun = new Set(commenting?.draft?.begun.map(keyOf));
  return (
    <table className={classes.table} onKeyDown={commenting?.draft ? walkWithArrows : undefined}>
      {file.hunks.map((hunk, index) => (
        <tbody key={index}>
          <Gap hunk={hunk} first={index === 0} />
          {hunk.lines.map((line, number) => (
            <Line
              key={number}
              line={line}
              place={placeOf(file.path, file.oldPath, line)}
              isFirst={number === 0}
              commenting={commenting}
              begun={begun}
            />
          ))}
        </tbody>
      ))}
    </table>
  );
}

function Gap({ hunk, first }: { hunk: DiffHunk; first: boolean }) {
  if (first && !hunk.header) return null;
  return (
    <tr className={classes.gap}>
      <td colSpan={2}>⋯</td>
      <td>{hunk.header}</td>
    </tr>
  );
}

interface LineProps {
  line: DiffLine;
  place: Place | null;
  isFirst: boolean;
  commenting?: Commenting;
  begun: Set<string>;
}

function Line({ line, place, isFirst, commenting, begun }: LineProps) {
  const key = place && keyOf(place);
  const draft = commenting?.draft;
  const open = () => place && draft?.begin(place);
  return (
    <>
      <tr
        data-kind={line.kind}
        data-open={(draft && place !== null) || undefined}
        onClick={draft && place ? unlessSelecting(open) : undefined}
      >
        <td className={classes.number}>{line.old}</td>
        <td className={classes.number}>
          {line.new}
          {draft && place && (
            <UnstyledButton
              className={classes.add}
              tabIndex={isFirst ? 0 : -1}
              aria-label={`Comment on ${place.side === "old" ? "removed " : ""}line ${place.line}`}
              onClick={open}
            >
              +
            </UnstyledButton>
          )}
        </td>
        <td className={classes.text}>{line.text || " "}</td>
      </tr>
      {place && key && commenting && <Comments place={place} commenting={commenting} />}
      {place && key && draft && begun.has(key) && (
        <tr className={classes.below}>
          <td colSpan={3}>
            <CommentForm place={place} draft={draft} />
          </td>
        </tr>
      )}
    </>
  );
}

/** What was said of a line, and what is about to be. */
function Comments({ place, commenting }: { place: Place; commenting: Commenting }) {
  const said = commenting.said.get(keyOf(place)) ?? [];
  const draft = commenting.draft;
  const written = draft?.comments.filter((one) => keyOf(one) === keyOf(place)) ?? [];
  if (said.length + written.length === 0) return null;
  return (
    <tr className={classes.below}>
      <td colSpan={3}>
        <div className={classes.pinned}>
          {said.map((comment, index) => (
            <div key={index} className={classes.comment}>
              <span className={classes.by}>{comment.by}</span>
              {comment.text}
            </div>
          ))}
          {written.map((comment, index) => (
            <div key={index} className={classes.comment} data-draft>
              <span className={classes.by}>not sent yet</span>
              {comment.text}
              <Button
                size="compact-xs"
                variant="subtle"
                color="gray"
                aria-label={`Remove the comment on line ${place.line}`}
                onClick={() => draft?.remove(comment)}
              >
                Remove
              </Button>
            </div>
          ))}
        </div>
      </td>
    </tr>
  );
}

/** Who marks text to copy it wants no editor. */
function unlessSelecting(open: () => void) {
  return (event: MouseEvent) => {
    if (event.detail === 1 && window.getSelection()?.isCollapsed) open();
  };
}

/** Tab comes to the first line of a hunk; the arrow keys go on from line to line. */
function walkWithArrows(event: KeyboardEvent<HTMLTableElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const lines = [...event.currentTarget.querySelectorAll<HTMLElement>(`.${classes.add}`)];
  const at = lines.indexOf(document.activeElement as HTMLElement);
  if (!step || at < 0) return;
  event.preventDefault();
  lines[at + step]?.focus();
}
