import { UnstyledButton } from "@mantine/core";
import { IconChevronRight, IconTool } from "@tabler/icons-react";
import { useState } from "react";
import { useServerTools } from "../../api/servers.ts";
import type { Tool } from "../../api/types.ts";
import { EmptyState } from "../../components/EmptyState.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { plural } from "../../lib/format.ts";
import classes from "./ToolList.module.css";
import { TryTool } from "./TryTool.tsx";

/** The tools of a server; each opens to be tried. */
export function ToolList({ serverId }: { serverId: string }) {
  const [open, setOpen] = useState<string | null>(null);
  const known = useServerTools(serverId);
  const tools = known.data?.tools ?? [];
  return (
    <Panel flush title="Tools" note={known.data && plural(tools.length, "tool")}>
      <ProblemAlert error={known.error} />
      {known.data && tools.length === 0 && (
        <EmptyState icon={IconTool} title="No tools known">
          They appear after the first successful probe.
        </EmptyState>
      )}
      {tools.map((tool) => (
        <ToolRow
          key={tool.name}
          serverId={serverId}
          tool={tool}
          open={open === tool.name}
          onToggle={() => setOpen(open === tool.name ? null : tool.name)}
        />
      ))}
    </Panel>
  );
}

interface RowProps {
  serverId: string;
  tool: Tool;
  open: boolean;
  onToggle: () => void;
}

function ToolRow({ serverId, tool, open, onToggle }: RowProps) {
  return (
    <div className={classes.tool}>
      <UnstyledButton className={classes.head} onClick={onToggle} aria-expanded={open}>
        <IconChevronRight size={15} className={classes.chevron} data-open={open || undefined} aria-hidden />
        <span className={classes.name}>{tool.name}</span>
        <span className={classes.description}>
          {tool.shown_to && `Only for clients that can be asked (${tool.shown_to}). `}
          {tool.description}
        </span>
      </UnstyledButton>
      {open && (
        <div className={classes.body}>
          <TryTool serverId={serverId} tool={tool} />
        </div>
      )}
    </div>
  );
}
