import { Button, Group, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useTaskAction } from "../../api/tasks.ts";
import type { Task } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

/** What a task waits for, and the way to give it: consent, or an answer. */
export function WaitingPanel({ task }: { task: Task }) {
  const act = useTaskAction(task.task_id);
  const [answer, setAnswer] = useState("");
  if (!task.waiting_for) return null;
  return (
    <Panel title={task.state === "awaiting_consent" ? "Your consent is needed" : "It waits"}>
      <Text size="sm">{task.waiting_for}</Text>
      {task.state === "awaiting_consent" && (
        <Group mt="sm" gap={8}>
          <Button loading={act.isPending} onClick={() => act.mutate({ action: "consent", grant: true })}>
            Allow
          </Button>
          <Button variant="default" onClick={() => act.mutate({ action: "consent", grant: false })}>
            Refuse
          </Button>
        </Group>
      )}
      {task.state === "awaiting_input" && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            act.mutate({ action: "input", text: answer });
          }}
        >
          <Textarea
            aria-label="Answer"
            mt="sm"
            autosize
            minRows={2}
            value={answer}
            onChange={(event) => setAnswer(event.currentTarget.value)}
          />
          <Button type="submit" mt="sm" loading={act.isPending} disabled={!answer.trim()}>
            Answer
          </Button>
        </form>
      )}
      <ProblemAlert error={act.error} />
    </Panel>
  );
}
