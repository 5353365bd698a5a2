import type { Project } from "../../api/types.ts";
import { TaskList } from "../../components/TaskList.tsx";

/** The tasks of one project. */
export function TasksTab({ project }: { project: Project }) {
  return <TaskList projectId={project.project_id} />;
}
