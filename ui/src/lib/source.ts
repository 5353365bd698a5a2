import type { Project } from "../api/types.ts";

/** Where a project comes from, in one line. */
export function sourceOf(project: Pick<Project, "repository_url" | "local_path" | "template">): string {
  if (project.repository_url) return project.repository_url.replace(/^https?:\/\//, "").replace(/\.git$/, "");
  return project.local_path ?? (project.template ? `template ${project.template}` : "no source");
}
