import { Link } from "react-router";
import classes from "./Brand.module.css";

/** The mark, one line becoming three, and the name. */
export function Brand() {
  return (
    <Link to="/projects" className={classes.brand} aria-label="Orchestrator, to the projects">
      <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden>
        <rect width="32" height="32" rx="8" className={classes.tile} />
        <g fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round">
          <path d="M9 16h4.500c4 0 3-6.500 9.500-6.500" />
          <path d="M13.500 16H23" opacity=".55" />
          <path d="M13.500 16c4 0 3 6.500 9.500 6.500" opacity=".55" />
        </g>
        <circle cx="9" cy="16" r="2.600" fill="#fff" />
      </svg>
      Orchestrator
    </Link>
  );
}
