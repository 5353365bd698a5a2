import { SimpleGrid, Text } from "@mantine/core";
import type { Graph } from "../api/types.ts";
import { count, duration, plural } from "../lib/format.ts";
import classes from "./GraphReport.module.css";

const NUMBERS: [string, string][] = [
  ["files", "Files"],
  ["lines", "Lines of code"],
  ["modules", "Modules"],
  ["classes", "Classes"],
  ["functions", "Functions"],
  ["tests", "Tests"],
  ["calls", "Calls, certain"],
  ["may_call", "Calls, possible"],
];

interface Skipped {
  path: string;
  reason: string;
}

/** What a build found, counted, and what it skipped and why. */
export function GraphReport({ graph }: { graph: Graph }) {
  const { report } = graph;
  const numbers = NUMBERS.flatMap(([name, label]): [string, number][] => {
    const value = report[name];
    return typeof value === "number" ? [[label, value]] : [];
  });
  return (
    <>
      <SimpleGrid cols={{ base: 2, xs: 3, lg: 5 }} spacing="lg" verticalSpacing="lg">
        {[["Triples", graph.triples ?? 0] as [string, number], ...numbers].map(([label, value]) => (
          <div key={label}>
            <div className={classes.number}>{count(value)}</div>
            <div className={classes.label}>{label}</div>
          </div>
        ))}
      </SimpleGrid>
      <Effort report={report} />
      <SkippedFiles skipped={Array.isArray(report.skipped) ? (report.skipped as Skipped[]) : []} />
    </>
  );
}

function Effort({ report }: { report: Graph["report"] }) {
  const { parsed, reused, seconds } = report;
  if (typeof parsed !== "number" || typeof reused !== "number" || typeof seconds !== "number") return null;
  return (
    <Text size="sm" c="dimmed" mt="lg">
      The last build took {duration(seconds)}: {plural(parsed, "file")} parsed, {count(reused)} taken over
      unchanged.
    </Text>
  );
}

function SkippedFiles({ skipped }: { skipped: Skipped[] }) {
  if (skipped.length === 0) return null;
  return (
    <details className={classes.skipped}>
      <summary>{plural(skipped.length, "file was", "files were")} skipped</summary>
      <ul>
        {skipped.slice(0, 200).map((file) => (
          <li key={file.path}>
            <span className="mono">{file.path}</span>{" "}
            <Text span c="dimmed" size="sm">
              {file.reason}
            </Text>
          </li>
        ))}
      </ul>
    </details>
  );
}
