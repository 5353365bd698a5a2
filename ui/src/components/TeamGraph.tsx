import { IconFlag } from "@tabler/icons-react";
import { useId } from "react";
import { Link } from "react-router";
import { useTargetNames } from "../api/targets.ts";
import type { Part, TeamGraph as Graph, TeamNode } from "../api/types.ts";
import { type Box, copyOf, drawTeam, partLabel } from "../lib/teamLayout.ts";
import { ProofMark } from "./ProofMark.tsx";
import { StateBadge } from "./StateBadge.tsx";
import classes from "./TeamGraph.module.css";

const HEAD = 78;
const PART = 24;
const FOOT = 6;
const SHOWN = 5;

/** A team as a graph: each step with who does it, where it stands and its tasks, and what it needs of earlier ones. */
export function TeamGraph({ graph }: { graph: Graph }) {
  const arrow = useId();
  const heights = new Map(graph.nodes.map((node) => [node.id, heightOf(node)]));
  const { width, height, boxes, lines } = drawTeam(graph, (id) => heights.get(id) ?? HEAD);
  const states = new Map(graph.nodes.map((node) => [node.id, node.state]));
  const kinds = [...new Set(graph.edges.map((edge) => edge.why))];
  return (
    <>
      <div className={classes.scroll} tabIndex={0} role="group" aria-label="Steps of the team">
        <div className={classes.canvas} style={{ width, height }}>
          <svg width={width} height={height} aria-hidden>
            <marker
              id={arrow}
              viewBox="0 0 8 8"
              refX="7.5"
              refY="4"
              markerWidth="9"
              markerHeight="9"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M 0.5 0.5 L 7.5 4 L 0.5 7.5" className={classes.head} />
            </marker>
            {lines.map(({ earlier, later, why, path }) => (
              <path
                key={`${earlier} ${later}`}
                d={path}
                className={classes.line}
                data-why={why}
                data-passed={states.get(earlier) === "completed" || undefined}
                markerEnd={`url(#${arrow})`}
              />
            ))}
          </svg>
          <ol className={classes.steps}>
            {[...graph.nodes]
              .sort((a, b) => a.column - b.column)
              .map((node) => (
                <Step
                  key={node.id}
                  node={node}
                  box={boxes.get(node.id)!}
                  wants={graph.edges.filter((edge) => edge.later === node.id)}
                  isResult={node.id === graph.result}
                />
              ))}
          </ol>
        </div>
      </div>
      {kinds.some((why) => why !== "needs") && (
        <ul className={classes.legend} aria-hidden>
          {kinds.map((why) => (
            <li key={why}>
              <svg width="30" height="8">
                <path d="M 1 4 H 29" className={classes.line} data-why={why} />
              </svg>
              {why}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function heightOf(node: TeamNode): number {
  const rows = Math.min(node.parts.length, SHOWN) + (node.parts.length > SHOWN ? 1 : 0);
  return HEAD + (rows ? rows * PART + FOOT : 0);
}

interface StepProps {
  node: TeamNode;
  box: Box;
  wants: Graph["edges"];
  isResult: boolean;
}

function Step({ node, box, wants, isResult }: StepProps) {
  const nameOf = useTargetNames();
  const does = node.does.replaceAll(/agent:[\w-]+/g, (id) => {
    const name = nameOf({ target_id: id, target_type: null });
    return name === "–" ? id : name;
  });
  // The newest are what is going on now; of those, what was done side by side stands in its own order.
  const shown = node.parts.slice(-SHOWN).sort((a, b) => copyOf(a.part ?? "") - copyOf(b.part ?? ""));
  return (
    <li
      className={classes.step}
      style={{ left: box.x, top: box.y, width: box.width, height: box.height }}
      data-step={node.id}
      data-standing={node.state || undefined}
      aria-label={`Step ${node.id}`}
    >
      <div className={classes.title}>
        <span className={classes.id}>{node.id}</span>
        {isResult && (
          <span className={classes.result} title="Its outcome is the team's">
            <IconFlag size={13} stroke={1.8} role="img" aria-label="its outcome is the team's" />
          </span>
        )}
        {node.state && (
          <span className={classes.state}>
            <StateBadge state={node.state} />
          </span>
        )}
      </div>
      <p className={classes.does} title={does}>
        {does}
      </p>
      {wants.length > 0 && (
        <p className={classes.wants}>{wants.map((edge) => `${edge.why} ${edge.earlier}`).join(", ")}</p>
      )}
      {shown.length > 0 && (
        <ul className={classes.parts}>
          {node.parts.length > SHOWN && (
            <li className={classes.more}>{node.parts.length - SHOWN} earlier ones below</li>
          )}
          {shown.map((part) => (
            <PartLine key={part.task_id} step={node.id} part={part} />
          ))}
        </ul>
      )}
    </li>
  );
}

function PartLine({ step, part }: { step: string; part: Part }) {
  const label = partLabel(part.part ?? "");
  return (
    <li className={classes.part}>
      <Link
        to={`/tasks/${part.task_id}`}
        className={classes.link}
        aria-label={`${step}: ${label}, ${part.state}`}
      >
        <span className={classes.label}>{label}</span>
        <StateBadge state={part.state} />
      </Link>
      <ProofMark proof={part.proof} />
    </li>
  );
}
