import { Link } from "react-router";
import { useTargetNames } from "../api/targets.ts";
import type { Part } from "../api/types.ts";
import { duration } from "../lib/format.ts";
import classes from "./PartTree.module.css";
import { ProofMark } from "./ProofMark.tsx";
import { StateBadge } from "./StateBadge.tsx";

/** The parts below a task as a tree: each with who carries it out and where it stands, and its own parts below it. */
export function PartTree({ parts, root }: { parts: Part[]; root: string }) {
  const mine = parts.filter((part) => part.parent_id === root);
  if (mine.length === 0) return null;
  return (
    <ul className={classes.tree}>
      {mine.map((part) => (
        <li key={part.task_id}>
          <PartRow part={part} />
          <PartTree parts={parts} root={part.task_id} />
        </li>
      ))}
    </ul>
  );
}

function PartRow({ part }: { part: Part }) {
  const nameOf = useTargetNames();
  return (
    <div className={classes.row}>
      <Link to={`/tasks/${part.task_id}`} className={classes.title}>
        {part.title || part.part || part.type}
      </Link>
      <span className={classes.target}>{nameOf({ target_id: part.target_id, target_type: null })}</span>
      <span className={classes.standing}>
        <ProofMark proof={part.proof} />
        <StateBadge state={part.state} reason={part.reason} />
      </span>
      <span className={classes.took}>{took(part)}</span>
      {part.waiting_for && <span className={classes.waiting}>waits for {part.waiting_for}</span>}
    </div>
  );
}

function took(part: Part): string {
  if (!part.finished_at || !part.started_at) return "–";
  return duration((Date.parse(part.finished_at) - Date.parse(part.started_at)) / 1000);
}
