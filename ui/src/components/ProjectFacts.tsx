import type { Project } from "../api/types.ts";
import { count } from "../lib/format.ts";
import { sourceOf } from "../lib/source.ts";
import { Facts } from "./Facts.tsx";
import { ProblemAlert } from "./ProblemAlert.tsx";
import classes from "./ProjectFacts.module.css";
import { StateBadge } from "./StateBadge.tsx";
import { TimeAgo } from "./TimeAgo.tsx";
import { Problem } from "../api/problem.ts";

/** How a project's repository and graph stand. */
export function ProjectFacts({ project }: { project: Project }) {
  const failed = project.repository_state === "failed";
  return (
    <>
      <Facts
        facts={[
          ["Repository", <StateBadge key="state" state={project.repository_state} />],
          [
            "Source",
            <span key="source" className={classes.source} title={sourceOf(project)}>
              {sourceOf(project)}
            </span>,
          ],
          [
            "Branch",
            <span key="branch" className="mono">
              {project.default_branch ?? "–"}
            </span>,
          ],
          [
            "Commit",
            <span key="commit" className="mono">
              {project.head_commit?.slice(0, 10) ?? "–"}
            </span>,
          ],
          ["Graph", project.kg_triples !== null ? `${count(project.kg_triples)} triples` : "not built"],
          ["Fetched", <TimeAgo key="age" at={project.synced_at} />],
        ]}
      />
      {failed && (
        <div style={{ marginTop: 12 }}>
          <ProblemAlert
            error={
              new Problem(502, {
                code: "repository_failed",
                detail: project.repository_error ?? "The clone failed.",
              })
            }
          />
        </div>
      )}
    </>
  );
}
