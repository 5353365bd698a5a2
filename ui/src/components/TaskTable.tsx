import { Table } from "@mantine/core";
import { Link, useNavigate } from "react-router";
import { useProjects } from "../api/projects.ts";
import { useTargetNames } from "../api/targets.ts";
import type { Task } from "../api/types.ts";
import { duration } from "../lib/format.ts";
import { StateBadge } from "./StateBadge.tsx";
import classes from "./TaskTable.module.css";
import { TimeAgo } from "./TimeAgo.tsx";

/** Tasks as rows that lead to each. */
export function TaskTable({ tasks, withProject }: { tasks: Task[]; withProject: boolean }) {
  const navigate = useNavigate();
  const projects = useProjects();
  const nameOfTarget = useTargetNames();
  const nameOf = (id: string | null) =>
    projects.data?.items.find((project) => project.project_id === id)?.name ?? "–";
  return (
    <Table highlightOnHover className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Task</Table.Th>
          <Table.Th>State</Table.Th>
          {withProject && <Table.Th>Project</Table.Th>}
          <Table.Th>Target</Table.Th>
          <Table.Th className={classes.right}>Took</Table.Th>
          <Table.Th className={classes.right}>Created</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {tasks.map((task) => (
          <Table.Tr
            key={task.task_id}
            className={classes.row}
            onClick={() => navigate(`/tasks/${task.task_id}`)}
          >
            <Table.Td>
              <Link
                to={`/tasks/${task.task_id}`}
                className={classes.title}
                onClick={(event) => event.stopPropagation()}
              >
                {task.title || task.type}
              </Link>
              {task.title && task.title !== task.type && <span className={classes.type}>{task.type}</span>}
            </Table.Td>
            <Table.Td>
              <StateBadge state={task.state} reason={task.reason} />
            </Table.Td>
            {withProject && <Table.Td>{nameOf(task.project_id)}</Table.Td>}
            <Table.Td className={classes.dim}>{nameOfTarget(task)}</Table.Td>
            <Table.Td className={classes.right}>{took(task)}</Table.Td>
            <Table.Td className={classes.right}>
              <TimeAgo at={task.created_at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function took(task: Task): string {
  if (!task.finished_at || !task.created_at) return "–";
  return duration((Date.parse(task.finished_at) - Date.parse(task.created_at)) / 1000);
}
