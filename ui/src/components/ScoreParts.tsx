import { Tooltip } from "@mantine/core";
import { words } from "../lib/format.ts";
import classes from "./ScoreParts.module.css";

const ORDER = [
  "preference",
  "weight_fit",
  "capability_fit",
  "observed_success",
  "learned",
  "health",
  "load",
  "priority",
];

/** What counts most first, as the router weighs it; parts that are new here last. */
function inOrder(parts: Record<string, number>): [string, number][] {
  const place = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.entries(parts).sort(([a], [b]) => place(a) - place(b));
}

/** The parts of a score, each in [0, 1], as small labelled bars. */
export function ScoreParts({ parts }: { parts: Record<string, number> }) {
  return (
    <div className={classes.parts}>
      {inOrder(parts).map(([name, value]) => (
        <Tooltip key={name} label={`${words(name)}: ${value.toFixed(2)}`}>
          <span className={classes.part}>
            <span className={classes.label}>{words(name)}</span>
            <span
              className={classes.track}
              role="meter"
              aria-label={words(name)}
              aria-valuenow={value}
              aria-valuemin={0}
              aria-valuemax={1}
            >
              <span className={classes.bar} style={{ width: `${Math.round(value * 100)}%` }} />
            </span>
          </span>
        </Tooltip>
      ))}
    </div>
  );
}
