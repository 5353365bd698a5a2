import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { IconShieldExclamation } from "@tabler/icons-react";
import { useDecide, useDefinitions } from "../../api/definitions.ts";
import type { Definition } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { TextDiff } from "../../components/TextDiff.tsx";
import { plural } from "../../lib/format.ts";
import classes from "./HeldBack.module.css";

/** Tools whose definitions nobody approved as they are now: what changed, and the choice. Nothing, where none is. */
export function HeldBack({ serverId }: { serverId: string }) {
  const found = useDefinitions(serverId);
  const approve = useDecide(serverId, "approve");
  const reject = useDecide(serverId, "reject");
  const held = (found.data?.items ?? []).filter((one) => one.state === "changed" || one.state === "new");
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  if (held.length === 0) return null;
  const mayDecide = found.data?.may_approve ?? false;
  return (
    <Panel
      flush
      title="Held back"
      note={`${plural(held.length, "tool")} changed or came anew; none of them can be called until somebody approves it`}
      actions={
        mayDecide && (
          <Button
            size="xs"
            variant="default"
            loading={approve.isPending}
            onClick={() => approve.mutate(hashesOf(held))}
          >
            Approve all as shown
          </Button>
        )
      }
    >
      <ProblemAlert error={approve.error ?? reject.error} />
      {held.map((one) => (
        <Held
          key={one.name}
          one={one}
          onApprove={mayDecide ? () => approve.mutate(hashesOf([one])) : undefined}
          onReject={mayDecide && !one.rejected ? () => reject.mutate(hashesOf([one])) : undefined}
        />
      ))}
    </Panel>
  );
}

interface HeldProps {
  one: Definition;
  onApprove?: () => void;
  onReject?: () => void;
}

function Held({ one, onApprove, onReject }: HeldProps) {
  return (
    <div className={classes.held}>
      <Group justify="space-between" wrap="nowrap">
        <Group gap={8}>
          <span className={classes.name}>{one.shown}</span>
          <Badge size="sm" variant="light" color={one.state === "new" ? "blue" : "yellow"}>
            {one.state}
          </Badge>
          {one.rejected && (
            <Badge size="sm" variant="light" color="red">
              rejected
            </Badge>
          )}
        </Group>
        <Group gap={6} wrap="nowrap">
          {onReject && (
            <Button size="xs" variant="default" onClick={onReject}>
              Reject
            </Button>
          )}
          {onApprove && (
            <Button size="xs" onClick={onApprove}>
              Approve
            </Button>
          )}
        </Group>
      </Group>
      {one.shown_to && (
        <Text size="sm" c="dimmed">
          Shown only to clients that declare {one.shown_to}.
        </Text>
      )}
      {one.hidden.length > 0 && (
        <Group gap={6} className={classes.hidden} wrap="nowrap">
          <IconShieldExclamation size={16} stroke={1.7} aria-hidden />
          <Text size="sm">Characters that cannot be seen or look like others: {one.hidden.join(", ")}</Text>
        </Group>
      )}
      <Stack gap={8}>
        {one.changes.map((change) => (
          <div key={change.field} className={classes.change}>
            <div className={classes.field}>{change.field}</div>
            <TextDiff text={change.diff} label={`${change.field} of ${one.shown}`} />
          </div>
        ))}
      </Stack>
    </div>
  );
}

function hashesOf(tools: Definition[]): Record<string, string> {
  return Object.fromEntries(tools.flatMap((one) => (one.live_hash ? [[one.name, one.live_hash]] : [])));
}
