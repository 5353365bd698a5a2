import { Button, SimpleGrid, Skeleton } from "@mantine/core";
import { IconFolderPlus, IconPlus } from "@tabler/icons-react";
import { Link } from "react-router";
import { useProjects } from "../api/projects.ts";
import { EmptyState } from "../components/EmptyState.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { Panel } from "../components/Panel.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { ProjectCard } from "../components/ProjectCard.tsx";

/** All projects of who is logged in. */
export function ProjectsPage() {
  const projects = useProjects();
  const items = projects.data?.items;
  const create = (
    <Button component={Link} to="/projects/new" leftSection={<IconPlus size={16} />}>
      New project
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Projects"
        description="A project is one repository with its tasks, members and knowledge graph."
        actions={items?.length ? create : null}
      />
      <ProblemAlert error={projects.error} onRetry={() => void projects.refetch()} />
      {projects.isPending && <Skeleton height={150} radius="md" />}
      {items?.length === 0 && (
        <Panel>
          <EmptyState icon={IconFolderPlus} title="No project yet" action={create}>
            Give it a git URL, a folder of this machine or a template. It is cloned at once, and its graph can
            be built right after.
          </EmptyState>
        </Panel>
      )}
      {items && items.length > 0 && (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
          {items.map((project) => (
            <ProjectCard key={project.project_id} project={project} />
          ))}
        </SimpleGrid>
      )}
    </>
  );
}
