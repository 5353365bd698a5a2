import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { pretty } from "../lib/format.ts";
import { sparqlOf, structuredOf, textOf } from "../lib/outcome.ts";
import { CodeBlock } from "./CodeBlock.tsx";
import { SparqlTable } from "./SparqlTable.tsx";
import classes from "./ValueViewer.module.css";

/** Any value a tool or agent gave: as a table, as text, or as JSON, whichever it can be. */
export function ValueViewer({ value }: { value: unknown }) {
  const views = viewsOf(value);
  const [chosen, setChosen] = useState<string | null>(null);
  const view = views.find((each) => each.name === chosen) ?? views[0];
  return (
    <div>
      {views.length > 1 && (
        <SegmentedControl
          size="xs"
          mb="sm"
          className={classes.views}
          data={views.map((each) => each.name)}
          value={view?.name}
          onChange={setChosen}
          aria-label="View"
        />
      )}
      {view?.element}
    </div>
  );
}

function viewsOf(value: unknown) {
  const table = sparqlOf(value);
  const structured = structuredOf(value);
  const text = textOf(value);
  return [
    table && { name: "Table", element: <SparqlTable columns={table.columns} rows={table.rows} /> },
    text !== null && { name: "Text", element: <CodeBlock text={text} label="text" wrap /> },
    structured !== null &&
      !table && { name: "Data", element: <CodeBlock text={pretty(structured)} label="data" wrap /> },
    { name: "JSON", element: <CodeBlock text={JSON.stringify(value, null, 2)} label="JSON" wrap /> },
  ].filter((view) => view !== null && view !== false);
}
