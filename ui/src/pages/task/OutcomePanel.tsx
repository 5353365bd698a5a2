import { Stack, Tabs, Text } from "@mantine/core";
import { Problem } from "../../api/problem.ts";
import { isReviewable, useReviews } from "../../api/proof.ts";
import { isOver } from "../../api/tasks.ts";
import { useAgentNames } from "../../api/targets.ts";
import type { Task, TaskEvent } from "../../api/types.ts";
import { type Commenting, DiffViewer } from "../../components/DiffViewer.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { ResultViewer } from "../../components/ResultViewer.tsx";
import { byLine } from "../../lib/lineComments.ts";
import { diffOf } from "../../lib/outcome.ts";
import type { ReviewDraft } from "../../lib/useReviewDraft.ts";

interface Props {
  task: Task;
  events: TaskEvent[];
  draft: ReviewDraft;
}

/** What came of a task: its error, its result, its diff. */
export function OutcomePanel({ task, events, draft }: Props) {
  const diff = diffOf(task, events);
  const commenting = useCommenting(task, draft);
  const hasResult = task.result !== null || task.result_pointer !== null;
  // While it goes on the error is that of an earlier attempt, which its events tell.
  if (task.error && isOver(task.state)) {
    return (
      <>
        <ProblemAlert error={taskProblem(task.error)} />
        {diff && (
          <Panel title="What it changed">
            <DiffViewer text={diff.text} truncated={diff.truncated} commenting={commenting} />
          </Panel>
        )}
      </>
    );
  }
  if (!hasResult && !diff) return null;
  if (!diff) {
    return (
      <Panel title="Result">
        <ResultViewer task={task} />
      </Panel>
    );
  }
  return (
    <Panel title="Outcome" note={<BranchNote task={task} />}>
      <Tabs defaultValue="diff" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="diff">Diff</Tabs.Tab>
          <Tabs.Tab value="result">Result</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="diff">
          <Stack gap="sm">
            {typeof task.result?.summary === "string" && <Text size="sm">{task.result.summary}</Text>}
            <DiffViewer text={diff.text} truncated={diff.truncated} commenting={commenting} />
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="result">
          <ResultViewer task={withoutDiff(task)} />
        </Tabs.Panel>
      </Tabs>
    </Panel>
  );
}

/** Comments of reviews of the latest attempt; more can be written once it is over. */
function useCommenting(task: Task, draft: ReviewDraft): Commenting {
  const reviews = useReviews(task.task_id);
  const nameOf = useAgentNames();
  const said = (reviews.data?.items ?? [])
    .filter((review) => review.attempt === task.attempt)
    .flatMap((review) =>
      review.comments.map((comment) => ({
        ...comment,
        by: review.agent_id ? nameOf(review.agent_id) : (review.user_name ?? "somebody"),
      })),
    );
  // What somebody has begun stays, also where the task was taken up again meanwhile.
  const mayWrite = isReviewable(task) || draft.begun.length + draft.comments.length > 0;
  return { said: byLine(said), draft: mayWrite ? draft : null };
}

/** Where the change was committed. */
function BranchNote({ task }: { task: Task }) {
  const { branch, commit } = task.result ?? {};
  if (typeof branch !== "string" || typeof commit !== "string") return null;
  return (
    <span className="mono">
      {branch} at {commit.slice(0, 10)}
    </span>
  );
}

/** A stored error as the problem it was; it has the same words. */
function taskProblem(error: Record<string, unknown>): Problem {
  const text = (name: string) => (typeof error[name] === "string" ? (error[name] as string) : undefined);
  return new Problem(0, {
    code: text("code"),
    detail: text("message"),
    field: text("field"),
    hint: text("hint"),
  });
}

/** The result as it is shown beside its diff. */
function withoutDiff(task: Task): Task {
  if (task.result === null) return task;
  const { diff: _diff, files: _files, ...rest } = task.result;
  return { ...task, result: rest };
}
