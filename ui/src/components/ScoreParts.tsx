import { Tooltip } from "@mantine/core";
import { words } from "../lib/format.ts";
import classes from "./ScoreParts.module.css";

/** The parts of a score, each in [0, 1], as small labelled bars. */
export function ScoreParts({ parts }: { parts: Record<string, number> }) {
  return (
    <div className={classes.parts}>
      {Object.entries(parts).map(([name, value]) => (
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
