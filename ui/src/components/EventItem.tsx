import { UnstyledButton } from "@mantine/core";
import { IconGitFork } from "@tabler/icons-react";
import { useState } from "react";
import type { TaskEvent } from "../api/types.ts";
import { describeEvent, toneOf } from "../lib/events.ts";
import { clock, pretty } from "../lib/format.ts";
import { CodeBlock } from "./CodeBlock.tsx";
import classes from "./EventItem.module.css";

interface Props {
  event: TaskEvent;
  /** How many events the row stands for. */
  count: number;
  /** Begin a new task as this one stood here; absent where that cannot be. */
  onFork?: (event: TaskEvent) => void;
}

/** One event: when, what in words; its data opens below. */
export function EventItem({ event, count, onFork }: Props) {
  const [open, setOpen] = useState(false);
  const { title, detail } = describeEvent(event);
  const hasData = Object.keys(event.data).length > 0;
  return (
    <li className={classes.item} data-tone={toneOf(event.kind)} data-kind={event.kind}>
      <span className={classes.dot} aria-hidden />
      <div className={classes.row}>
        <UnstyledButton
          className={classes.line}
          onClick={() => setOpen(!open)}
          aria-expanded={hasData ? open : undefined}
          disabled={!hasData}
        >
          <span className={classes.title}>{title}</span>
          {count > 1 && <span className={classes.detail}>×{count}</span>}
          {detail && <span className={classes.detail}>{detail}</span>}
          <span className={classes.time}>
            {event.seq} · {clock(event.at)}
          </span>
        </UnstyledButton>
        {onFork && (
          <UnstyledButton
            className={classes.fork}
            onClick={() => onFork(event)}
            aria-label={`Fork from event ${event.seq}`}
            title="Fork from here"
          >
            <IconGitFork size={14} stroke={1.6} aria-hidden />
          </UnstyledButton>
        )}
      </div>
      {open && (
        <div className={classes.data}>
          <CodeBlock text={pretty(event.data)} label={`data of event ${event.seq}`} maxHeight={280} wrap />
        </div>
      )}
    </li>
  );
}
