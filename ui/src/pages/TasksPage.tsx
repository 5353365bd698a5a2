import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { Link } from "react-router";
import { PageHeader } from "../components/PageHeader.tsx";
import { TaskList } from "../components/TaskList.tsx";

/** All tasks of who is logged in. */
export function TasksPage() {
  return (
    <>
      <PageHeader
        title="Tasks"
        description="What was asked for, where it ran, and how it ended."
        actions={
          <Button component={Link} to="/tasks/new" leftSection={<IconPlus size={16} />}>
            New task
          </Button>
        }
      />
      <TaskList />
    </>
  );
}
