import type { ReactNode } from "react";
import { Link } from "react-router";
import { useProjects } from "../../api/projects.ts";
import { useTargetNames } from "../../api/targets.ts";
import type { Task } from "../../api/types.ts";
import { Facts } from "../../components/Facts.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { duration } from "../../lib/format.ts";

/** Type, project, target, times. */
export function TaskFacts({ task }: { task: Task }) {
  const projects = useProjects();
  const nameOfTarget = useTargetNames();
  const project = projects.data?.items.find((each) => each.project_id === task.project_id);
  const tries: [string, ReactNode][] =
    task.type === "best_of" ? [["Tries", <TriesLink key="tries" task={task} />]] : [];
  return (
    <Facts
      facts={[
        [
          "Type",
          <span key="type" className="mono">
            {task.type}
          </span>,
        ],
        [
          "Project",
          project ? (
            <Link key="project" to={`/projects/${project.project_id}`} className="link">
              {project.name}
            </Link>
          ) : (
            "–"
          ),
        ],
        ["Target", nameOfTarget(task)],
        ...tries,
        ["Weight", task.is_heavy ? "heavy" : "light"],
        ["Priority", String(task.priority)],
        ["Created", <TimeAgo key="created" at={task.created_at} />],
        ["Took", took(task)],
      ]}
    />
  );
}

function TriesLink({ task }: { task: Task }) {
  return (
    <Link to={`/tasks/${task.task_id}/tries`} className="link">
      side by side
    </Link>
  );
}

function took(task: Task): string {
  if (!task.finished_at || !task.created_at) return "–";
  return duration((Date.parse(task.finished_at) - Date.parse(task.created_at)) / 1000);
}
