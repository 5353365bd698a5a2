import { Button, Group, Input, Select, Stack, Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { useProjects } from "../../api/projects.ts";
import { useExecute } from "../../api/servers.ts";
import type { Tool } from "../../api/types.ts";
import { CodeBlock } from "../../components/CodeBlock.tsx";
import { CodeEditor } from "../../components/CodeEditor.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { ValueViewer } from "../../components/ValueViewer.tsx";
import { exampleOf } from "../../lib/schema.ts";

/** Call a tool by hand: arguments, answer. */
export function TryTool({ serverId, tool }: { serverId: string; tool: Tool }) {
  const [text, setText] = useState(() => JSON.stringify(exampleOf(tool.input_schema), null, 2));
  const [project, setProject] = useState<string | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const projects = useProjects();
  const run = useExecute(serverId);
  function submit() {
    try {
      const given = JSON.parse(text) as Record<string, unknown>;
      setWrong(null);
      run.mutate({ tool: tool.name, arguments: given, project_id: project });
    } catch (error) {
      setWrong(error instanceof Error ? error.message : "This is not JSON");
    }
  }
  return (
    <Stack gap="sm">
      {tool.description && (
        <Text size="sm" style={{ whiteSpace: "pre-wrap" }}>
          {tool.description}
        </Text>
      )}
      <Input.Wrapper label="Arguments" error={wrong}>
        <CodeEditor
          language="json"
          label={`Arguments of ${tool.name}`}
          minLines={4}
          value={text}
          onChange={setText}
          onSubmit={submit}
        />
      </Input.Wrapper>
      <Group gap={8}>
        <Select
          aria-label="Project"
          placeholder="In no project"
          clearable
          data={(projects.data?.items ?? []).map((each) => ({ value: each.project_id, label: each.name }))}
          value={project}
          onChange={setProject}
        />
        <Button leftSection={<IconPlayerPlay size={15} />} loading={run.isPending} onClick={submit}>
          Call
        </Button>
      </Group>
      <ProblemAlert error={run.error} />
      {run.data && <ValueViewer value={run.data} />}
      <details>
        <summary style={{ cursor: "pointer", fontSize: 13 }}>Schema of the arguments</summary>
        <div style={{ marginTop: 8 }}>
          <CodeBlock text={JSON.stringify(tool.input_schema, null, 2)} label="schema" maxHeight={300} />
        </div>
      </details>
    </Stack>
  );
}
