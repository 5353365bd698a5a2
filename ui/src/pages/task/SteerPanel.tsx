import { Button, Group, Text, Textarea } from "@mantine/core";
import { useSessionStorage } from "@mantine/hooks";
import { useAgents } from "../../api/agents.ts";
import { isAgents, useTaskAction } from "../../api/tasks.ts";
import type { Task } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

/** Kinds of agent that hear nobody while they work. */
const DEAF = new Set(["codemod", "graph-analyst", "team"]);

/** Words to an agent at work, while it works. */
export function SteerPanel({ task }: { task: Task }) {
  const act = useTaskAction(task.task_id);
  const [text, setText] = useSessionStorage({
    key: `orchestrator.steer.${task.task_id}`,
    defaultValue: "",
    getInitialValueInEffect: false,
  });
  const agents = useAgents();
  const kind = agents.data?.items.find((one) => one.id === task.target_id)?.kind;
  if (kind !== undefined && DEAF.has(kind)) return null;
  if (!isAgents(task) || task.state !== "running" || task.cancel_requested || task.pause_requested)
    return null;
  const send = () => {
    if (text.trim()) act.mutate({ action: "steer", text: text.trim() }, { onSuccess: () => setText("") });
  };
  return (
    <Panel title="Steer it">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <Textarea
          aria-label="What its agent is told meanwhile"
          placeholder="Leave the tests alone."
          autosize
          minRows={1}
          maxRows={12}
          maxLength={20_000}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
          }}
        />
        <Group gap={10} mt="sm">
          <Button type="submit" variant="default" loading={act.isPending} disabled={!text.trim()}>
            Tell it
          </Button>
          <Text size="xs" c="dimmed" role="status">
            {act.isSuccess
              ? "Sent. It hears it at the end of its turn."
              : "It hears it at the end of its turn; what it did so far stays."}
          </Text>
        </Group>
      </form>
      <ProblemAlert error={act.error} />
    </Panel>
  );
}
