import { Button, Group, Modal, Select, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useNavigate } from "react-router";
import { useAgents } from "../../api/agents.ts";
import { useForkTask } from "../../api/tasks.ts";
import type { Task, TaskEvent } from "../../api/types.ts";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { describeEvent } from "../../lib/events.ts";

interface Props {
  task: Task;
  event: TaskEvent;
  onClose: () => void;
}

/** Begin a new task as this one stood at an event: who carries it out, and what it is told. */
export function ForkDialog({ task, event, onClose }: Props) {
  const fork = useForkTask(task.task_id);
  const navigate = useNavigate();
  const agents = useAgents();
  const [text, setText] = useState("");
  const [agent, setAgent] = useState<string | null>(null);
  const others = (agents.data?.items ?? []).filter((one) => one.available && one.id !== task.target_id);
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Fork from event ${event.seq}`}
      closeButtonProps={{ "aria-label": "Close" }}
      centered
    >
      <form
        onSubmit={(submitted) => {
          submitted.preventDefault();
          fork.mutate(
            { event: event.seq, text, title: "", agent_id: agent },
            { onSuccess: (made) => navigate(`/tasks/${made.task_id}`) },
          );
        }}
      >
        <Stack gap={14}>
          <Text size="sm">
            A new task begins with the files and the conversation as they were at “
            {describeEvent(event).title}”. This one stays as it is.
          </Text>
          <Textarea
            label="What its agent is told"
            description="May be empty"
            autosize
            minRows={2}
            maxRows={10}
            maxLength={20_000}
            data-autofocus
            value={text}
            onChange={(changed) => setText(changed.currentTarget.value)}
          />
          <Select
            label="Agent"
            placeholder="The same one"
            clearable
            searchable
            data={others.map((one) => ({ value: one.id, label: one.name }))}
            value={agent}
            onChange={setAgent}
          />
          <ProblemAlert error={fork.error} />
          <Group justify="flex-end" gap={8}>
            <Button variant="default" onClick={onClose}>
              Keep it as it is
            </Button>
            <Button type="submit" loading={fork.isPending}>
              Fork
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
