import { Text } from "@mantine/core";
import { Link } from "react-router";
import type { Task } from "../../api/types.ts";

/** Of a fork: which task and event it goes on from, and what of that moment it does not have. */
export function ForkNote({ task }: { task: Task }) {
  const from = task.forked_from;
  if (!from) return null;
  return (
    <Text size="sm" c="dimmed" role="note" aria-label="Fork">
      Forked from event {from.event} of{" "}
      <Link to={`/tasks/${from.task_id}`} className="link">
        another task
      </Link>
      {from.commit && (
        <>
          , with its files at <span className="mono">{from.commit.slice(0, 10)}</span>
        </>
      )}
      .{from.lost.length > 0 && ` It does not have: ${from.lost.join("; ")}.`}
    </Text>
  );
}
