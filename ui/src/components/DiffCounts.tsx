import classes from "./DiffCounts.module.css";

/** "+12 −3" in colours. */
export function DiffCounts({ added, removed }: { added: number; removed: number }) {
  return (
    <span className={classes.counts}>
      <span className={classes.added}>+{added}</span> <span className={classes.removed}>−{removed}</span>
    </span>
  );
}
