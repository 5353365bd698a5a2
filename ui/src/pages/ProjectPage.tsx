import { Button, Skeleton, Stack, Tabs } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { Link, useNavigate, useParams } from "react-router";
import { useProject } from "../api/projects.ts";
import { CloneProgress } from "../components/CloneProgress.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { ProjectFacts } from "../components/ProjectFacts.tsx";
import { GraphTab } from "./project/GraphTab.tsx";
import { MembersTab } from "./project/MembersTab.tsx";
import { NotesTab } from "./project/NotesTab.tsx";
import { ProjectSettingsTab } from "./project/ProjectSettingsTab.tsx";
import { TasksTab } from "./project/TasksTab.tsx";

/** One project: how its repository stands, and its tasks, graph, notes, members and settings. */
export function ProjectPage() {
  const { projectId = "", tab = "tasks" } = useParams();
  const navigate = useNavigate();
  const project = useProject(projectId);
  if (project.isError && !project.data) {
    return <ProblemAlert error={project.error} onRetry={() => void project.refetch()} />;
  }
  if (!project.data) return <Skeleton height={180} radius="md" />;
  const { data } = project;
  return (
    <>
      <PageHeader
        title={data.name}
        description={data.description}
        trail={[{ label: "Projects", to: "/projects" }]}
        actions={
          <Button
            component={Link}
            to={`/tasks/new?project=${data.project_id}`}
            leftSection={<IconPlus size={16} />}
          >
            New task
          </Button>
        }
      />
      <Stack gap="md">
        <ProjectFacts project={data} />
        <CloneProgress project={data} />
      </Stack>
      <Tabs
        mt={28}
        value={tab}
        onChange={(next) =>
          navigate(`/projects/${data.project_id}${next === "tasks" ? "" : `/${next}`}`, { replace: true })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="tasks">Tasks</Tabs.Tab>
          <Tabs.Tab value="graph">Graph</Tabs.Tab>
          <Tabs.Tab value="notes">Notes</Tabs.Tab>
          <Tabs.Tab value="members">Members</Tabs.Tab>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="tasks">
          <TasksTab project={data} />
        </Tabs.Panel>
        <Tabs.Panel value="graph">
          <GraphTab project={data} />
        </Tabs.Panel>
        <Tabs.Panel value="notes">
          <NotesTab project={data} />
        </Tabs.Panel>
        <Tabs.Panel value="members">
          <MembersTab project={data} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <ProjectSettingsTab project={data} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
