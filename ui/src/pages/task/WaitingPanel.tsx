import { Button, Group, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useTaskQuestions } from "../../api/questions.ts";
import { isPaused, type TaskAction, useTaskAction } from "../../api/tasks.ts";
import type { Task } from "../../api/types.ts";
import { Countdown } from "../../components/Countdown.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { QuestionCard } from "../../components/QuestionCard.tsx";

/** What a task waits for, and the way to give it: an answer, consent, room in a budget, or leave to go on. */
export function WaitingPanel({ task }: { task: Task }) {
  const act = useTaskAction(task.task_id);
  const questions = useTaskQuestions(task);
  const asked = isPaused(task) ? [] : (questions.data ?? []);
  if (!task.waiting_for || questions.isLoading) return null;
  if (asked.length > 0) {
    return (
      <Panel flush title="It asks">
        {asked.map((question) => (
          <QuestionCard key={question.question_id} question={question} />
        ))}
      </Panel>
    );
  }
  return (
    <Panel title={titleOf(task)}>
      {!isPaused(task) && <Text size="sm">{task.waiting_for}</Text>}
      {task.wakes_at && !isPaused(task) && (
        <Text size="sm" c="dimmed">
          It goes on by itself: <Countdown until={task.wakes_at} />
        </Text>
      )}
      <Ways task={task} busy={act.isPending} onAct={(action) => act.mutate(action)} />
      <ProblemAlert error={act.error} />
    </Panel>
  );
}

function titleOf(task: Task): string {
  if (isPaused(task)) return "Paused";
  return task.state === "awaiting_consent" ? "Your consent is needed" : "It waits";
}

interface WaysProps {
  task: Task;
  busy: boolean;
  onAct: (action: TaskAction) => void;
}

function Ways({ task, busy, onAct }: WaysProps) {
  if (task.state === "awaiting_consent") {
    return (
      <Group mt="sm" gap={8}>
        <Button loading={busy} onClick={() => onAct({ action: "consent", grant: true })}>
          Allow
        </Button>
        <Button variant="default" disabled={busy} onClick={() => onAct({ action: "consent", grant: false })}>
          Refuse
        </Button>
      </Group>
    );
  }
  if (task.state !== "awaiting_input") return null;
  if (isPaused(task)) {
    return (
      <Words
        label="What its agent is told"
        description="Its files and what was said are kept. May be empty."
        send="Resume"
        busy={busy}
        onSend={(text) => onAct({ action: "resume", text })}
      />
    );
  }
  return (
    <Words
      label="Answer"
      send="Answer"
      busy={busy}
      needed
      onSend={(text) => onAct({ action: "input", text })}
    />
  );
}

interface WordsProps {
  label: string;
  description?: string;
  send: string;
  busy: boolean;
  needed?: boolean;
  onSend: (text: string) => void;
}

function Words({ label, description, send, busy, needed = false, onSend }: WordsProps) {
  const [text, setText] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSend(text);
      }}
    >
      <Textarea
        label={label}
        description={description}
        autosize
        minRows={2}
        maxLength={20_000}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Button type="submit" mt="sm" loading={busy} disabled={needed && !text.trim()}>
        {send}
      </Button>
    </form>
  );
}
