import { VisuallyHidden } from "@mantine/core";
import {
  IconBolt,
  IconCoins,
  IconDatabaseSearch,
  IconFolders,
  IconInbox,
  IconPlugConnected,
  IconShieldCheck,
  IconUserCode,
  type Icon,
} from "@tabler/icons-react";
import { NavLink } from "react-router";
import { useInboxCount } from "../api/questions.ts";
import type { Profile } from "../api/types.ts";
import { Brand } from "./Brand.tsx";
import classes from "./Sidebar.module.css";
import { ThemeToggle } from "./ThemeToggle.tsx";
import { UserMenu } from "./UserMenu.tsx";

const WORK: [string, string, Icon][] = [
  ["/projects", "Projects", IconFolders],
  ["/tasks", "Tasks", IconBolt],
  ["/inbox", "Inbox", IconInbox],
  ["/sparql", "SPARQL", IconDatabaseSearch],
];
const TARGETS: [string, string, Icon][] = [
  ["/servers", "MCP servers", IconPlugConnected],
  ["/gateway", "Gateway", IconShieldCheck],
  ["/agents", "Agents", IconUserCode],
  ["/usage", "Usage", IconCoins],
];

/** The way to every area, and who is logged in. */
export function Sidebar({ profile }: { profile: Profile }) {
  const waiting = useInboxCount();
  return (
    <div className={classes.sidebar}>
      <div className={classes.brand}>
        <Brand />
      </div>
      <nav aria-label="Areas" className={classes.areas}>
        <Links links={WORK} counts={{ "/inbox": waiting }} />
        <div className={classes.heading}>Targets</div>
        <Links links={TARGETS} />
      </nav>
      <div className={classes.foot}>
        <UserMenu profile={profile} />
        <ThemeToggle />
      </div>
    </div>
  );
}

interface LinksProps {
  links: [string, string, Icon][];
  /** What waits behind a link, by its path. */
  counts?: Record<string, number>;
}

function Links({ links, counts = {} }: LinksProps) {
  return links.map(([to, label, Symbol]) => (
    <NavLink key={to} to={to} className={classes.link}>
      <Symbol size={18} stroke={1.6} aria-hidden />
      {label}
      {(counts[to] ?? 0) > 0 && (
        <span className={classes.count}>
          {counts[to]}
          <VisuallyHidden> waiting</VisuallyHidden>
        </span>
      )}
    </NavLink>
  ));
}
