import { UnstyledButton } from "@mantine/core";
import type { TaskType } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import classes from "./TypePicker.module.css";

interface Props {
  types: TaskType[];
  value: string;
  onPick: (type: TaskType) => void;
}

const GROUPS: [string, (type: TaskType) => boolean][] = [
  ["Look", (type) => !type.heavy && type.needs_project],
  ["Work", (type) => type.heavy],
  ["Anything else", (type) => !type.heavy && !type.needs_project],
];

/** Every type of task, in groups; the description of the chosen one below. */
export function TypePicker({ types, value, onPick }: Props) {
  const chosen = types.find((type) => type.name === value);
  return (
    <Panel title="What should be done" note={<span className="mono">{value}</span>}>
      <div role="radiogroup" aria-label="Type of task" className={classes.groups}>
        {GROUPS.map(([label, belongs]) => (
          <div key={label} className={classes.group}>
            <div className={classes.label}>{label}</div>
            <div className={classes.types}>
              {types.filter(belongs).map((type) => (
                <UnstyledButton
                  key={type.name}
                  role="radio"
                  aria-checked={type.name === value}
                  className={classes.type}
                  title={type.description}
                  onClick={() => onPick(type)}
                >
                  {type.title}
                </UnstyledButton>
              ))}
            </div>
          </div>
        ))}
      </div>
      {chosen && <p className={classes.description}>{chosen.description}</p>}
    </Panel>
  );
}
