import { Button, Checkbox, Textarea } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { useAnswer } from "../api/questions.ts";
import { useAgentNames } from "../api/targets.ts";
import type { AgentQuestion } from "../api/types.ts";
import { Countdown } from "./Countdown.tsx";
import { ProblemAlert } from "./ProblemAlert.tsx";
import classes from "./QuestionCard.module.css";

interface Props {
  question: AgentQuestion;
  /** The name of its project, where the page does not say it anyway. */
  project?: string;
  /** Whether to lead to its task. */
  withTask?: boolean;
}

/** A question of an agent, answered in place, or where its tries stand side by side. Leave that is given or refused can
 * become a rule. */
export function QuestionCard({ question, project, withTask = false }: Props) {
  const answer = useAnswer(question);
  const nameOf = useAgentNames();
  const [remember, setRemember] = useState(false);
  const asksLeave = Object.keys(question.action).length > 0;
  const otherwise =
    question.about === "choice"
      ? "the smallest proved change"
      : question.choices.find((choice) => choice.id === question.default)?.name;
  return (
    <article className={classes.card} aria-label={question.question}>
      <div className={classes.about}>
        <span className={classes.who}>{nameOf(question.agent)}</span>
        {withTask && (
          <Link to={`/tasks/${question.task_id}`} className="link">
            {question.title || "its task"}
          </Link>
        )}
        {project && <span>{project}</span>}
        <span className={classes.deadline}>
          <Countdown until={question.deadline} />
          {otherwise && `, then: ${otherwise}`}
        </span>
      </div>
      <p className={classes.question}>{question.question}</p>
      <Action action={question.action} />
      {question.about === "choice" ? (
        <div className={classes.choices}>
          <Button component={Link} to={`/tasks/${question.task_id}/tries`}>
            See the tries side by side
          </Button>
        </div>
      ) : question.choices.length === 0 ? (
        <Words busy={answer.isPending} onAnswer={(text) => answer.mutate({ text, remember: false })} />
      ) : (
        <div className={classes.choices} role="group" aria-label="Answers">
          {question.choices.map((choice, index) => (
            <Button
              key={choice.id}
              variant={index === 0 && !asksLeave ? "filled" : toneOf(choice.kind)}
              loading={answer.isPending && answer.variables?.choice === choice.id}
              disabled={answer.isPending}
              onClick={() => answer.mutate({ choice: choice.id, remember })}
            >
              {choice.name}
            </Button>
          ))}
          {asksLeave && (
            <Checkbox
              label="Remember this as a rule"
              checked={remember}
              onChange={(event) => setRemember(event.currentTarget.checked)}
            />
          )}
        </div>
      )}
      <ProblemAlert error={answer.error} />
    </article>
  );
}

function toneOf(kind = ""): "filled" | "default" {
  return kind.startsWith("allow") ? "filled" : "default";
}

/** What it wants leave for. */
function Action({ action }: { action: AgentQuestion["action"] }) {
  const paths = Array.isArray(action.paths) ? action.paths.map(String) : [];
  const facts = [
    ["Work", typeof action.tool === "string" ? action.tool : ""],
    ["Command", typeof action.command === "string" ? action.command : ""],
    ["Files", paths.join("\n")],
  ].filter(([, value]) => value);
  if (facts.length === 0) return null;
  return (
    <dl className={classes.action}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Words({ busy, onAnswer }: { busy: boolean; onAnswer: (text: string) => void }) {
  const [text, setText] = useState("");
  return (
    <form
      className={classes.words}
      onSubmit={(event) => {
        event.preventDefault();
        onAnswer(text);
      }}
    >
      <Textarea
        aria-label="Answer"
        autosize
        minRows={2}
        maxLength={20_000}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Button type="submit" loading={busy} disabled={!text.trim()}>
        Answer
      </Button>
    </form>
  );
}
