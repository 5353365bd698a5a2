import { Skeleton, Stack } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import { useProjects } from "../../api/projects.ts";
import { useQuestions, useWaitingTasks } from "../../api/questions.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { QuestionCard } from "../../components/QuestionCard.tsx";
import { TaskTable } from "../../components/TaskTable.tsx";
import { plural } from "../../lib/format.ts";

/** Open questions of running agents, the most urgent first, and tasks that go on only with a person's word. */
export function OpenTab() {
  const questions = useQuestions();
  const waiting = useWaitingTasks();
  const projects = useProjects();
  const items = questions.data?.items ?? [];
  const nameOf = (id: string | null) => projects.data?.items.find((one) => one.project_id === id)?.name;
  const isEmpty = questions.data && waiting.data && items.length + waiting.items.length === 0;
  return (
    <Stack gap="md">
      <ProblemAlert error={questions.error ?? waiting.error} onRetry={() => void questions.refetch()} />
      {(questions.isPending || waiting.isPending) && <Skeleton height={160} radius="md" />}
      {isEmpty && (
        <Panel flush>
          <EmptyState icon={IconInbox} title="Nothing waits for you">
            When an agent wants leave for something, or does not know which way to go, it asks here and waits.
          </EmptyState>
        </Panel>
      )}
      {items.length > 0 && (
        <Panel flush title={plural(questions.data?.total ?? 0, "question")}>
          {items.map((question) => (
            <QuestionCard
              key={question.question_id}
              question={question}
              project={nameOf(question.project_id)}
              withTask
            />
          ))}
        </Panel>
      )}
      {waiting.items.length > 0 && (
        <Panel flush title={`${plural(waiting.items.length, "task")} that cannot go on without you`}>
          <TaskTable tasks={waiting.items} withProject />
        </Panel>
      )}
    </Stack>
  );
}
