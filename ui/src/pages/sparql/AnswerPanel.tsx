import { Button, Menu } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { exportAnswer, type Answer } from "../../api/sparql.ts";
import { CodeBlock } from "../../components/CodeBlock.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { SparqlTable } from "../../components/SparqlTable.tsx";
import { duration, plural } from "../../lib/format.ts";
import { saveFile } from "../../lib/saveFile.ts";

const TABLE_FORMATS: [string, string, string][] = [
  ["CSV", "text/csv", "csv"],
  ["TSV", "text/tab-separated-values", "tsv"],
  ["JSON", "application/sparql-results+json", "json"],
  ["XML", "application/sparql-results+xml", "xml"],
];
const GRAPH_FORMATS: [string, string, string][] = [
  ["Turtle", "text/turtle", "ttl"],
  ["N-Triples", "application/n-triples", "nt"],
  ["RDF/XML", "application/rdf+xml", "rdf"],
];

interface Props {
  kgId: string;
  query: string;
  answer: Answer;
}

/** The answer to a query: a table, a yes or no, or triples; how long it took; and the ways to take it along. */
export function AnswerPanel({ kgId, query, answer }: Props) {
  const save = useMutation({
    mutationFn: async ([, media, suffix]: [string, string, string]) =>
      saveFile(await exportAnswer(kgId, query, media), `answer.${suffix}`),
  });
  const formats = answer.kind === "graph" ? GRAPH_FORMATS : TABLE_FORMATS;
  return (
    <Panel
      flush={answer.kind === "table"}
      title={titleOf(answer)}
      note={`${duration(answer.seconds)}${answer.kind !== "boolean" && answer.truncated ? ", cut at the row limit" : ""}`}
      actions={
        <Menu position="bottom-end" shadow="md">
          <Menu.Target>
            <Button
              size="xs"
              variant="default"
              leftSection={<IconDownload size={14} />}
              loading={save.isPending}
            >
              Export
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {formats.map((format) => (
              <Menu.Item key={format[1]} onClick={() => save.mutate(format)}>
                {format[0]}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      }
    >
      <ProblemAlert error={save.error} />
      {answer.kind === "table" && <SparqlTable columns={answer.columns} rows={answer.rows} />}
      {answer.kind === "boolean" && <span className="mono">{String(answer.value)}</span>}
      {answer.kind === "graph" && <CodeBlock text={answer.text} label="triples" />}
    </Panel>
  );
}

function titleOf(answer: Answer): string {
  if (answer.kind === "table") return plural(answer.rows.length, "row");
  return answer.kind === "boolean" ? "Answer" : "Triples";
}
