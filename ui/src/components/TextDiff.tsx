import { useMemo } from "react";
import classes from "./DiffFileView.module.css";

type Kind = "add" | "delete" | "same" | "note";

const KINDS: Record<string, Kind> = { "+": "add", "-": "delete", "\\": "note" };

/** A unified diff of one short text, without file names and line numbers. */
export function TextDiff({ text, label }: { text: string; label: string }) {
  const lines = useMemo(() => parse(text), [text]);
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={label}>
      <table className={classes.table}>
        <tbody>
          {lines.map(([kind, line], index) => (
            <tr key={index} data-kind={kind}>
              <td className={classes.text}>{line || " "}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function parse(text: string): [Kind, string][] {
  return text
    .split("\n")
    .filter((line, index) => index > 1 && !line.startsWith("@@"))
    .map((line) => [KINDS[line.charAt(0)] ?? "same", line.slice(1)]);
}
