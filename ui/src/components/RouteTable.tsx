import { Table, Text } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import type { Candidate, Route } from "../api/types.ts";
import { plural, words } from "../lib/format.ts";
import { Fold } from "./Fold.tsx";
import { ScoreParts } from "./ScoreParts.tsx";
import classes from "./RouteTable.module.css";

/** Every candidate of a route: who was chosen, what each scored, why the others could not. Whose kind of work it is not
 * stays folded. */
export function RouteTable({ route }: { route: Route }) {
  if (route.candidates.length === 0) {
    return (
      <Text c="dimmed" size="sm" p="md">
        Nobody is registered who could be asked.
      </Text>
    );
  }
  const fold = !route.candidates.every(isOtherWork);
  const [others, near] = parted(route.candidates, (one) => fold && isOtherWork(one));
  return (
    <>
      <Candidates candidates={near} chosen={route.target_id} label="Candidates" />
      {others.length > 0 && (
        <Fold label={`${plural(others.length, "other")} whose kind of work it is not`}>
          <Candidates candidates={others} chosen={route.target_id} label="Other candidates" />
        </Fold>
      )}
    </>
  );
}

function isOtherWork(candidate: Candidate): boolean {
  return candidate.rejections.some(({ obstacle }) => obstacle === "type");
}

function parted<T>(all: readonly T[], belongs: (one: T) => boolean): [T[], T[]] {
  return [all.filter(belongs), all.filter((one) => !belongs(one))];
}

interface CandidatesProps {
  candidates: Candidate[];
  chosen: string | null;
  label: string;
}

function Candidates({ candidates, chosen, label }: CandidatesProps) {
  if (candidates.length === 0) return null;
  return (
    <Table verticalSpacing={7} className={classes.table} aria-label={label}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Target</Table.Th>
          <Table.Th>Score</Table.Th>
          <Table.Th>Why</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {candidates.map((candidate) => (
          <CandidateRow
            key={candidate.target_id}
            candidate={candidate}
            chosen={candidate.target_id === chosen}
          />
        ))}
      </Table.Tbody>
    </Table>
  );
}

function CandidateRow({ candidate, chosen }: { candidate: Candidate; chosen: boolean }) {
  const fit = candidate.rejections.length === 0;
  return (
    <Table.Tr data-chosen={chosen || undefined} data-fit={fit} className={classes.row}>
      <Table.Td className={classes.target}>
        <span className={classes.name}>
          {candidate.name}
          {chosen && <IconCheck size={15} stroke={2.2} className={classes.check} aria-label="chosen" />}
        </span>
        <span className={classes.type}>{words(candidate.type)}</span>
      </Table.Td>
      <Table.Td className={classes.score}>{fit ? candidate.score.toFixed(3) : "–"}</Table.Td>
      <Table.Td>
        {fit ? (
          <ScoreParts parts={candidate.parts} />
        ) : (
          <ul className={classes.reasons}>
            {candidate.rejections.map((rejection) => (
              <li key={rejection.obstacle + rejection.reason}>{rejection.reason}</li>
            ))}
          </ul>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
