import { Text } from "@mantine/core";
import type { Task } from "../../api/types.ts";
import { CapabilityTags } from "../../components/CapabilityTags.tsx";
import { CodeBlock } from "../../components/CodeBlock.tsx";
import { Panel } from "../../components/Panel.tsx";
import { pretty } from "../../lib/format.ts";

/** What the task was given. */
export function InputPanel({ task }: { task: Task }) {
  return (
    <Panel title="Input">
      <CodeBlock text={pretty(task.input)} label="input" wrap />
      {task.required_capabilities.length > 0 && (
        <>
          <Text size="xs" c="dimmed" mt="md" mb={6}>
            Required capabilities
          </Text>
          <CapabilityTags capabilities={task.required_capabilities} />
        </>
      )}
    </Panel>
  );
}
