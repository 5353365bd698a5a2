import { Text } from "@mantine/core";
import { Link } from "react-router";
import type { Project } from "../api/types.ts";
import { sourceOf } from "../lib/source.ts";
import classes from "./ProjectCard.module.css";
import { StateBadge } from "./StateBadge.tsx";
import { TimeAgo } from "./TimeAgo.tsx";

/** A project in the list: its name, where it comes from, how it stands. */
export function ProjectCard({ project }: { project: Project }) {
  return (
    <Link to={`/projects/${project.project_id}`} className={classes.card}>
      <span className={classes.name}>{project.name}</span>
      <span className={classes.source}>{sourceOf(project)}</span>
      <Text size="sm" c="dimmed" lineClamp={2} className={classes.description}>
        {project.description || "No description"}
      </Text>
      <span className={classes.foot}>
        <StateBadge state={project.repository_state} />
        <span className={classes.age}>
          <TimeAgo at={project.synced_at ?? project.created_at} />
        </span>
      </span>
    </Link>
  );
}
