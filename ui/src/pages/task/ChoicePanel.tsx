import { Button, Skeleton, Text } from "@mantine/core";
import { Link } from "react-router";
import { useAgentNames } from "../../api/targets.ts";
import { useChoose, useTryDiff } from "../../api/tries.ts";
import type { Choosing, Try } from "../../api/types.ts";
import { ConfirmButton } from "../../components/ConfirmButton.tsx";
import { DiffCounts } from "../../components/DiffCounts.tsx";
import { DiffFiles } from "../../components/DiffViewer.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { count, duration, plural } from "../../lib/format.ts";
import classes from "./ChoicePanel.module.css";

interface Props {
  taskId: string;
  choosing: Choosing;
}

/** The tries of one choice, in columns; while a person is waited for, each that was proved can be chosen. */
export function ChoicePanel({ taskId, choosing }: Props) {
  const choose = useChoose(taskId);
  return (
    <section aria-label="Tries" className={classes.whole}>
      {choosing.is_open && (
        <div className={classes.ask}>
          <Text size="sm">
            Choose one of {choosing.tries.length}: the task goes on with it, to proof, review and merge. The
            others stay on their branches.
          </Text>
          <ConfirmButton
            label="None of them"
            question="The task then ends as rejected."
            confirm="Want none"
            busy={choose.isPending && choose.variables === choosing.none}
            onConfirm={() => choose.mutate(choosing.none)}
          />
        </div>
      )}
      <ProblemAlert error={choose.error} />
      <div className={classes.columns}>
        {choosing.tries.map((one, index) => (
          <Column
            key={one.choice}
            one={one}
            name={`Try ${index + 1}`}
            isOpen={choosing.is_open}
            busy={choose.isPending && choose.variables === one.choice}
            onChoose={() => choose.mutate(one.choice)}
          />
        ))}
      </div>
    </section>
  );
}

interface ColumnProps {
  one: Try;
  name: string;
  isOpen: boolean;
  busy: boolean;
  onChoose: () => void;
}

function Column({ one, name, isOpen, busy, onChoose }: ColumnProps) {
  const nameOf = useAgentNames();
  return (
    <article className={classes.column} aria-label={name} data-chosen={one.is_chosen || undefined}>
      <header className={classes.head}>
        <div className={classes.title}>
          <Link to={`/tasks/${one.task_id}`} className="link">
            {name}
          </Link>
          <StateBadge state={one.state} reason={one.reason} />
          {one.is_chosen && <StateBadge state="chosen" />}
        </div>
        {one.agent && <span>{nameOf(one.agent)}</span>}
        <Facts one={one} />
        {isOpen && one.can_be_chosen && (
          <Button size="sm" loading={busy} onClick={onChoose} aria-label={`Choose ${name.toLowerCase()}`}>
            Choose
          </Button>
        )}
      </header>
      {one.proof.length > 0 && (
        <ul className={classes.proof} aria-label={`Proof of ${name.toLowerCase()}`}>
          {one.proof.map((proof, index) => (
            <li key={index}>
              <StateBadge state={proof.verdict} /> {proof.name}
              {proof.why && <div className={classes.dim}>{proof.why}</div>}
            </li>
          ))}
        </ul>
      )}
      {(one.error || one.summary) && <p className={classes.words}>{one.error || one.summary}</p>}
      <Change one={one} />
    </article>
  );
}

function Facts({ one }: { one: Try }) {
  const facts = [
    one.seconds !== null && duration(one.seconds),
    one.money !== null && `$${one.money.toFixed(2)}`,
    one.tokens !== null && one.tokens > 0 && `${count(one.tokens)} tokens`,
    one.tool_calls !== null && one.tool_calls > 0 && plural(one.tool_calls, "tool call"),
  ].filter((fact): fact is string => typeof fact === "string");
  return (
    <div className={classes.dim}>
      {plural(one.files, "file")} <DiffCounts added={one.added} removed={one.removed} />{" "}
      {facts.map((fact) => (
        <span key={fact}>· {fact} </span>
      ))}
    </div>
  );
}

function Change({ one }: { one: Try }) {
  const diff = useTryDiff(one.task_id, one.commit);
  if (one.commit === null) return <p className={classes.words}>It changed nothing.</p>;
  if (diff.error) return <ProblemAlert error={diff.error} />;
  if (!diff.data) return <Skeleton height={160} radius={0} />;
  return (
    <div className={classes.diff}>
      <DiffFiles files={diff.data.files} truncated={diff.data.truncated} />
    </div>
  );
}
