import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { isSyncing } from "../api/projects.ts";
import { useGoingTask } from "../api/tasks.ts";
import type { Project } from "../api/types.ts";
import { LiveTask } from "./LiveTask.tsx";

/** The fetching of a project's repository, as long as it lasts. */
export function CloneProgress({ project }: { project: Project }) {
  const cache = useQueryClient();
  const going = useGoingTask(project.project_id, "project_sync", isSyncing(project));
  const [watched, setWatched] = useState<string | null>(null);
  useEffect(() => {
    if (going.data) setWatched(going.data.task_id);
  }, [going.data]);
  if (watched === null || !isSyncing(project)) return null;
  return (
    <LiveTask
      key={watched}
      taskId={watched}
      doing="Fetching the repository"
      done="The repository is here"
      onOver={() => void cache.invalidateQueries({ queryKey: ["projects"] })}
    />
  );
}
