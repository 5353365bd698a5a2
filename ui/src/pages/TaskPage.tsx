import { Stack } from "@mantine/core";
import { useMerges, useReviews } from "../api/proof.ts";
import { isOver, useParent } from "../api/tasks.ts";
import type { Task } from "../api/types.ts";
import { useTaskEvents } from "../api/useTaskEvents.ts";
import { PageHeader } from "../components/PageHeader.tsx";
import { StateBadge } from "../components/StateBadge.tsx";
import { useReviewDraft } from "../lib/useReviewDraft.ts";
import { EventsPanel } from "./task/EventsPanel.tsx";
import { ForkNote } from "./task/ForkNote.tsx";
import { InputPanel } from "./task/InputPanel.tsx";
import { OfTask } from "./task/OfTask.tsx";
import { OutcomePanel } from "./task/OutcomePanel.tsx";
import { ProofPanel } from "./task/ProofPanel.tsx";
import { ReviewPanel } from "./task/ReviewPanel.tsx";
import { RoutePanel } from "./task/RoutePanel.tsx";
import { SteerPanel } from "./task/SteerPanel.tsx";
import { TaskActions } from "./task/TaskActions.tsx";
import { TaskFacts } from "./task/TaskFacts.tsx";
import { TogetherPanel } from "./task/TogetherPanel.tsx";
import { WaitingPanel } from "./task/WaitingPanel.tsx";
import classes from "./TaskPage.module.css";

/** One task: how it stands and why, its route, its events as they happen, its result and diff. */
export function TaskPage() {
  return <OfTask>{(task) => <Shown task={task} />}</OfTask>;
}

/** Changes whenever there are events to come: while it goes, and with what others say of it once it is over. */
function useRun(task: Task): string {
  const reviews = useReviews(task.task_id).data?.items ?? [];
  const merges = useMerges(task.task_id).data?.items ?? [];
  if (!isOver(task.state)) return "going";
  return [task.state, reviews.length, ...merges.map((entry) => entry.state)].join(" ");
}

function Shown({ task }: { task: Task }) {
  const followed = useTaskEvents(task.task_id, useRun(task));
  const draft = useReviewDraft(task.task_id, task.attempt);
  const parent = useParent(task);
  return (
    <>
      <PageHeader
        title={task.title || task.type}
        trail={[
          { label: "Tasks", to: "/tasks" },
          ...(parent ? [{ label: parent.title || parent.type, to: `/tasks/${parent.task_id}` }] : []),
        ]}
        badge={<StateBadge state={task.state} reason={task.reason} />}
        actions={<TaskActions task={task} />}
      />
      <Stack gap="md">
        <TaskFacts task={task} />
        <ForkNote task={task} />
        <WaitingPanel task={task} />
        <SteerPanel task={task} />
        <TogetherPanel task={task} />
        <OutcomePanel task={task} events={followed.events} draft={draft} />
        <ProofPanel task={task} />
        <ReviewPanel task={task} draft={draft} />
        <div className={classes.columns}>
          <EventsPanel task={task} followed={followed} />
          <Stack gap="md" miw={0}>
            <RoutePanel taskId={task.task_id} />
            <InputPanel task={task} />
          </Stack>
        </div>
      </Stack>
    </>
  );
}
