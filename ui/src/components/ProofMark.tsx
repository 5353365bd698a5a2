import { Tooltip } from "@mantine/core";
import { IconQuestionMark, IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import type { Part } from "../api/types.ts";
import classes from "./ProofMark.module.css";

const MARKS = {
  passed: { Symbol: IconShieldCheck, words: "its acceptance criteria passed" },
  failed: { Symbol: IconShieldX, words: "its acceptance criteria failed" },
  unknown: { Symbol: IconQuestionMark, words: "its acceptance criteria could not be checked" },
};

/** Whether a task's change was proved; nothing where nothing was to be proved. */
export function ProofMark({ proof }: { proof: Part["proof"] }) {
  if (!proof) return null;
  const { Symbol, words } = MARKS[proof];
  return (
    <Tooltip label={words}>
      <span className={classes.mark} data-proof={proof}>
        <Symbol size={15} stroke={1.8} role="img" aria-label={words} />
      </span>
    </Tooltip>
  );
}
