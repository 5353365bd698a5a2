/** What running agents ask of people, and the tasks that wait for a word: the inbox. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import { isPaused, useTasks } from "./tasks.ts";
import type { AgentQuestion, Answer, Task } from "./types.ts";

const ASK_AGAIN_MS = 5000;
const QUESTIONS = ["questions"];
const WAITING: Task["state"][] = ["awaiting_consent", "awaiting_input"];

/** Open questions in all projects, those with the nearest deadline first. */
export function useQuestions() {
  return useQuery({
    queryKey: QUESTIONS,
    queryFn: () => unwrap(api.GET("/api/v1/questions", { params: { query: { limit: 100 } } })),
    refetchInterval: ASK_AGAIN_MS,
  });
}

/** The open questions of one task; none is looked for while it asks nothing. */
export function useTaskQuestions(task: Task) {
  return useQuery({
    queryKey: ["tasks", task.task_id, "questions"],
    queryFn: () =>
      unwrap(api.GET("/api/v1/tasks/{task_id}/questions", { params: { path: { task_id: task.task_id } } })),
    select: (page) => page.items.filter((one) => one.outcome === null),
    enabled: task.waiting_for !== null && (task.state === "running" || rests(task)),
  });
}

/** Whether it awaits a person's word, and not because one paused it. */
function rests(task: Task): boolean {
  return task.state === "awaiting_input" && !isPaused(task);
}

/** Tasks that go on only with a person's word, beside those that ask a question or that a person paused. */
export function useWaitingTasks() {
  const tasks = useTasks({ state: WAITING, limit: 100, offset: 0 });
  const asking = new Set((useQuestions().data?.items ?? []).map((question) => question.task_id));
  const items = (tasks.data?.items ?? []).filter((task) => !isPaused(task) && !asking.has(task.task_id));
  return { ...tasks, items };
}

/** How many things wait for the reader. */
export function useInboxCount(): number {
  const questions = useQuestions();
  const tasks = useWaitingTasks();
  return (questions.data?.total ?? 0) + tasks.items.length;
}

export function useAnswer(question: AgentQuestion) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (answer: Omit<Answer, "question_id">) =>
      unwrap(
        api.POST("/api/v1/tasks/{task_id}/input", {
          params: { path: { task_id: question.task_id } },
          body: { ...answer, question_id: question.question_id },
        }),
      ),
    onSettled: () =>
      Promise.all(
        [QUESTIONS, ["tasks"], ["agent-rules"]].map((queryKey) => cache.invalidateQueries({ queryKey })),
      ),
  });
}
