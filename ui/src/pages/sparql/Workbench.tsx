import { Button, Kbd, Select, Stack, Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useRef } from "react";
import { ask } from "../../api/sparql.ts";
import { CodeEditor } from "../../components/CodeEditor.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { useLocalValue } from "../../lib/useLocalValue.ts";
import { AnswerPanel } from "./AnswerPanel.tsx";
import { EXAMPLES } from "./examples.ts";

/** The query, the button, the answer. The query is remembered in this browser. */
export function Workbench({ kgId }: { kgId: string }) {
  const [query, setQuery] = useLocalValue("sparql.query", EXAMPLES[0].query);
  const running = useRef<AbortController | null>(null);
  const run = useMutation({
    mutationFn: (text: string) => {
      running.current?.abort();
      running.current = new AbortController();
      return ask(kgId, text, running.current.signal);
    },
  });
  const submit = () => run.mutate(query);
  return (
    <Stack gap="md">
      <Panel
        flush
        title="Query"
        note={
          <>
            <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">Enter</Kbd> runs it
          </>
        }
        actions={
          <>
            <Select
              aria-label="Example queries"
              placeholder="Examples"
              size="xs"
              w={230}
              data={EXAMPLES.map((example) => example.title)}
              value={EXAMPLES.find((example) => example.query === query)?.title ?? null}
              onChange={(title) =>
                setQuery(EXAMPLES.find((example) => example.title === title)?.query ?? query)
              }
            />
            <Button
              size="xs"
              leftSection={<IconPlayerPlay size={14} />}
              loading={run.isPending}
              onClick={submit}
            >
              Run
            </Button>
          </>
        }
      >
        <CodeEditor
          language="sparql"
          label="SPARQL query"
          framed={false}
          minLines={10}
          value={query}
          onChange={setQuery}
          onSubmit={submit}
        />
      </Panel>
      <ProblemAlert error={run.error} />
      {run.data ? (
        <AnswerPanel kgId={kgId} query={run.variables} answer={run.data} />
      ) : (
        !run.error && (
          <Text size="sm" c="dimmed" ta="center" py="xl">
            Run the query to see its answer, or start from an example.
          </Text>
        )
      )}
    </Stack>
  );
}
