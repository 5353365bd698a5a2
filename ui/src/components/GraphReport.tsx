import { SimpleGrid, Text } from "@mantine/core";
import type { Graph } from "../api/types.ts";
import { capital, count, words } from "../lib/format.ts";
import classes from "./GraphReport.module.css";

/** What a build found, counted, and what it skipped and why. */
export function GraphReport({ graph }: { graph: Graph }) {
  const numbers = Object.entries(graph.report).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number" && Number.isInteger(entry[1]),
  );
  const skipped = Array.isArray(graph.report.skipped)
    ? (graph.report.skipped as { path?: string; reason?: string }[])
    : [];
  return (
    <>
      <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="lg" verticalSpacing="md">
        {[
          ["triples", graph.triples ?? 0] as [string, number],
          ...numbers.filter(([name]) => name !== "triples"),
        ].map(([name, value]) => (
          <div key={name}>
            <div className={classes.number}>{count(value)}</div>
            <div className={classes.label}>{capital(words(name))}</div>
          </div>
        ))}
      </SimpleGrid>
      {skipped.length > 0 && (
        <details className={classes.skipped}>
          <summary>{count(skipped.length)} files were skipped</summary>
          <ul>
            {skipped.slice(0, 200).map((file, index) => (
              <li key={index}>
                <span className="mono">{file.path}</span>{" "}
                <Text span c="dimmed" size="sm">
                  {file.reason}
                </Text>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
