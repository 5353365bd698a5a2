import { Stack, Text } from "@mantine/core";
import { useProof } from "../../api/proof.ts";
import type { Proof, Task } from "../../api/types.ts";
import { CodeBlock } from "../../components/CodeBlock.tsx";
import { Panel } from "../../components/Panel.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";

/** How the acceptance criteria of the latest attempt came out, with what the ones that did not pass wrote. */
export function ProofPanel({ task }: { task: Task }) {
  const proof = useProof(task);
  const items = proof.data?.items ?? [];
  const latest = items.filter((item) => item.attempt === items.at(-1)?.attempt);
  if (latest.length === 0) return null;
  return (
    <Panel title="Proof" note={`on ${latest.at(-1)?.commit.slice(0, 10)}`}>
      <Stack gap="sm">
        {latest.map((item) => (
          <Criterion key={item.id} proof={item} />
        ))}
      </Stack>
    </Panel>
  );
}

function Criterion({ proof }: { proof: Proof }) {
  const name = proof.merge_id ? `${proof.name} (in the merge queue)` : proof.name;
  return (
    <div>
      <StateBadge state={proof.verdict} />{" "}
      <Text span size="sm" ml={6}>
        {name}
      </Text>
      {proof.why && (
        <Text size="xs" c="dimmed">
          {proof.why}
        </Text>
      )}
      {proof.verdict !== "passed" && proof.output.trim() && (
        <CodeBlock text={proof.output.trim()} label={`Output of ${proof.name}`} maxHeight={220} wrap />
      )}
    </div>
  );
}
