import { Table, Text } from "@mantine/core";
import type { Term } from "../api/sparql.ts";
import { shortIri } from "../lib/iri.ts";
import classes from "./SparqlTable.module.css";

interface Props {
  columns: string[];
  rows: Record<string, Term>[];
}

const SHOWN = 500;

/** Bindings of a SPARQL answer. IRIs are shortened, whole on hover; the first rows only when there are very many. */
export function SparqlTable({ columns, rows }: Props) {
  if (rows.length === 0) {
    return (
      <Text size="sm" c="dimmed" p="md">
        The query matched nothing.
      </Text>
    );
  }
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label="Results">
      <Table className={classes.table} stickyHeader>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.slice(0, SHOWN).map((row, index) => (
            <Table.Tr key={index}>
              {columns.map((column) => (
                <Table.Td key={column}>
                  <Cell term={row[column]} />
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {rows.length > SHOWN && (
        <Text size="xs" c="dimmed" p="sm">
          The first {SHOWN} of {rows.length} rows. Export to get all.
        </Text>
      )}
    </div>
  );
}

function Cell({ term }: { term: Term | undefined }) {
  if (!term) return <span className={classes.unbound}>–</span>;
  if (term.type === "uri") {
    return (
      <span className={classes.iri} title={term.value}>
        {shortIri(term.value)}
      </span>
    );
  }
  const numeric =
    term.datatype !== undefined && /#(integer|decimal|double|float|int|long)$/.test(term.datatype);
  return (
    <span className={numeric ? classes.number : classes.literal} title={term["xml:lang"] ?? term.datatype}>
      {term.value}
    </span>
  );
}
