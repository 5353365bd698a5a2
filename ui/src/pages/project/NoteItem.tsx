import type { ReactNode } from "react";
import { Link } from "react-router";
import { useMembers } from "../../api/projects.ts";
import { useTargetNames } from "../../api/targets.ts";
import type { Note, Project } from "../../api/types.ts";
import { StateBadge } from "../../components/StateBadge.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import classes from "./Notes.module.css";

interface Props {
  note: Note;
  project: Project;
  /** What the reader may do with it. */
  children: ReactNode;
}

/** A note as it was written, with who wrote it and, of a thing to do, who is at it. */
export function NoteItem({ note, project, children }: Props) {
  return (
    <article className={classes.note} aria-label={note.text.slice(0, 80)}>
      <div className={classes.words}>
        <p className={classes.text}>{note.text}</p>
        <div className={classes.about}>
          {note.state !== "note" && <StateBadge state={note.state} />}
          {note.topic && <span className={classes.topic}>{note.topic}</span>}
          <Author note={note} project={project} />
          <TimeAgo at={note.created_at} />
          {note.taken_by && (
            <Link to={`/tasks/${note.taken_by}`} className="link">
              an agent is at it
            </Link>
          )}
        </div>
      </div>
      <div className={classes.ways}>{children}</div>
    </article>
  );
}

function Author({ note, project }: Pick<Props, "note" | "project">) {
  const members = useMembers(project.project_id);
  const nameOf = useTargetNames();
  if (note.agent) {
    const name = nameOf({ target_id: note.agent, target_type: null });
    const shown = name === "–" ? note.agent : name;
    if (!note.task_id) return <span>{shown}</span>;
    return (
      <Link to={`/tasks/${note.task_id}`} className="link">
        {shown}
      </Link>
    );
  }
  const person = members.data?.items.find((one) => one.user_id === note.user_id);
  return <span>{person ? person.display_name || person.email : "somebody who left"}</span>;
}
