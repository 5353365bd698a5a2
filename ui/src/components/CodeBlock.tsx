import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import classes from "./CodeBlock.module.css";

interface Props {
  text: string;
  label: string;
  maxHeight?: number;
  wrap?: boolean;
}

/** Text that a machine wrote or reads, with a button that copies it. */
export function CodeBlock({ text, label, maxHeight = 420, wrap = false }: Props) {
  return (
    <div className={classes.frame}>
      <pre className={classes.code} data-wrap={wrap} style={{ maxHeight }} tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon
              className={classes.copy}
              variant="default"
              size="sm"
              onClick={copy}
              aria-label={`Copy ${label}`}
            >
              {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}
