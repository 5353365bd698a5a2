import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useImportServers } from "../../api/servers.ts";
import { CodeEditor } from "../../components/CodeEditor.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { record } from "../../lib/outcome.ts";

const START = `{
  "mcpServers": {
    "notes": {
      "url": "http://127.0.0.1:9000/mcp"
    }
  }
}`;

interface Props {
  opened: boolean;
  onClose: () => void;
}

/** Register servers from the configuration that MCP clients share. */
export function ImportServers({ opened, onClose }: Props) {
  const [text, setText] = useState(START);
  const load = useImportServers();
  const parsed = parse(text);
  const told = [
    ...(load.data?.ignored ?? []).map((one) => `Not taken over: ${one.server}.${one.field}: ${one.note}.`),
    ...(load.data?.warnings ?? []).map((one) => `${one}.`),
  ];
  return (
    <Modal opened={opened} onClose={onClose} title="Add MCP servers" size="lg" centered>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          Paste an <span className="mono">mcpServers</span> configuration: <span className="mono">url</span>{" "}
          for a server over HTTP, <span className="mono">command</span> and <span className="mono">args</span>{" "}
          for a local process, which only administrators may add.
        </Text>
        <CodeEditor
          language="json"
          label="mcpServers configuration"
          minLines={9}
          value={text}
          onChange={setText}
        />
        <ProblemAlert error={load.error} />
        {told.length > 0 && (
          <Alert color="yellow" title="Added. What to know">
            {told.map((one) => (
              <Text key={one} size="sm">
                {one}
              </Text>
            ))}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button
            disabled={parsed === null}
            loading={load.isPending}
            onClick={() =>
              parsed &&
              load.mutate(parsed, {
                onSuccess: (done) => {
                  if (!done.ignored.length && !done.warnings.length) onClose(); // else it is read first
                },
              })
            }
          >
            Add
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return record(JSON.parse(text));
  } catch {
    return null; // the button stays off until it is JSON
  }
}
