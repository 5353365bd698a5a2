import classes from "./RouteSketch.module.css";

const TARGETS = [
  { name: "git · MCP server", score: "0.871", y: 34, chosen: true },
  { name: "code · MCP server", score: "0.702", y: 94, chosen: false },
  { name: "analyst · agent", score: "lacks git_history", y: 154, chosen: false },
];

/** A drawing of a route: one task, three candidates, one chosen. */
export function RouteSketch() {
  return (
    <svg viewBox="0 0 460 190" className={classes.sketch} aria-hidden>
      {TARGETS.map((target) => (
        <path
          key={target.name}
          d={`M118 94 C 190 94, 180 ${target.y}, 246 ${target.y}`}
          className={target.chosen ? classes.chosen : classes.other}
        />
      ))}
      <rect x="2" y="70" width="116" height="48" rx="9" className={classes.task} />
      <text x="18" y="90" className={classes.small}>
        task
      </text>
      <text x="18" y="107" className={classes.mono}>
        git_history
      </text>
      {TARGETS.map((target) => (
        <g key={target.name}>
          <rect
            x="246"
            y={target.y - 22}
            width="212"
            height="44"
            rx="9"
            className={target.chosen ? classes.won : classes.lost}
          />
          <text x="262" y={target.y - 3} className={target.chosen ? classes.name : classes.faint}>
            {target.name}
          </text>
          <text x="262" y={target.y + 13} className={classes.small}>
            {target.score}
          </text>
        </g>
      ))}
    </svg>
  );
}
