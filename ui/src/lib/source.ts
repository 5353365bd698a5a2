import type { Project } from "../api/types.ts";

/** Where a project comes from, in one line. */
export function sourceOf(project: Pick<Project, "repository_url" | "path" | "template">): string {
  if (project.repository_url) return project.repository_url.replace(/^https?:\/\//, "").replace(/\.git$/, "");
  return project.path ?? (project.template ? `template ${project.template}` : "no source");
}
