import { Skeleton, Text } from "@mantine/core";
import { Link } from "react-router";
import { useTargetNames } from "../../api/targets.ts";
import { useClaims } from "../../api/together.ts";
import type { Claim } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";
import { plural } from "../../lib/format.ts";
import classes from "./Notes.module.css";

/** Code that running agents keep for themselves, by the task that holds it. */
export function ClaimsPanel({ projectId }: { projectId: string }) {
  const claims = useClaims(projectId);
  const items = claims.data?.items ?? [];
  const byTask = Map.groupBy(items, (claim) => claim.task_id);
  return (
    <Panel flush title="Claims on code" note={items.length > 0 ? plural(items.length, "name") : undefined}>
      <ProblemAlert error={claims.error} onRetry={() => void claims.refetch()} />
      {claims.isPending && <Skeleton height={80} radius={0} />}
      {claims.data && items.length === 0 && (
        <Text size="sm" c="dimmed" p="md">
          None. A running agent may keep symbols and files for itself; others wait until its attempt ends.
        </Text>
      )}
      {[...byTask.values()].map((held) => (
        <Holder key={held[0]?.task_id} held={held} />
      ))}
    </Panel>
  );
}

function Holder({ held }: { held: Claim[] }) {
  const nameOf = useTargetNames();
  const first = held[0];
  if (!first) return null;
  return (
    <article className={classes.claims} aria-label={`Claims of ${first.title || "a task"}`}>
      <div className={classes.holder}>
        <Link to={`/tasks/${first.task_id}`} className="link">
          {first.title || "a task"}
        </Link>
        <span className={classes.dim}>{nameOf({ target_id: first.target_id, target_type: null })}</span>
        <span>
          since <TimeAgo at={first.claimed_at} />
        </span>
      </div>
      <ul className={classes.names}>
        {held.map((claim) => (
          <li key={claim.name}>
            <span className="mono">{claim.name}</span>
            {claim.path && <span className={classes.dim}>{claim.path}</span>}
          </li>
        ))}
      </ul>
    </article>
  );
}
