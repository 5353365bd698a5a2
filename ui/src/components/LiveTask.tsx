import { Group, Progress, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { Link } from "react-router";
import { isOver, useTask } from "../api/tasks.ts";
import { useTaskEvents } from "../api/useTaskEvents.ts";
import { progressOf } from "../lib/progress.ts";
import { Panel } from "./Panel.tsx";
import { StateBadge } from "./StateBadge.tsx";

interface Props {
  taskId: string;
  /** What it does, until it tells more: "Building the graph". */
  doing: string;
  /** What it did, when it ended well: "The graph is built". */
  done: string;
  onOver: () => void;
}

/** A task as it goes, in one strip: its state, how far it is, what it does right now. */
export function LiveTask({ taskId, doing, done, onOver }: Props) {
  const task = useTask(taskId);
  const { events } = useTaskEvents(taskId);
  const told = useRef(onOver);
  told.current = onOver;
  const over = task.data ? isOver(task.data.state) : false;
  useEffect(() => {
    if (over) told.current();
  }, [over]);
  if (!task.data) return null;
  const progress = progressOf(events);
  return (
    <Panel>
      <Group justify="space-between" mb={over ? 0 : 10}>
        <Group gap="md">
          <StateBadge state={task.data.state} reason={task.data.reason} />
          <Text size="sm" c="dimmed">
            {task.data.state === "completed"
              ? done
              : over
                ? doing
                : [progress.text ?? doing, progress.left].filter(Boolean).join(", ")}
          </Text>
        </Group>
        <Link to={`/tasks/${taskId}`} className="link">
          <Text size="sm" span>
            All events
          </Text>
        </Link>
      </Group>
      {!over && (
        <Progress
          value={progress.percent ?? 100}
          animated={progress.percent === null}
          striped={progress.percent === null}
          size="sm"
          aria-label={doing}
        />
      )}
      {task.data.error && (
        <Text size="sm" c="var(--bad)" mt={6}>
          {String(task.data.error.message ?? "")}
        </Text>
      )}
    </Panel>
  );
}
