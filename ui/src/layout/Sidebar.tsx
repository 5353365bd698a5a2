import {
  IconBolt,
  IconCoins,
  IconDatabaseSearch,
  IconFolders,
  IconPlugConnected,
  IconShieldCheck,
  IconUserCode,
  type Icon,
} from "@tabler/icons-react";
import { NavLink } from "react-router";
import type { Profile } from "../api/types.ts";
import { Brand } from "./Brand.tsx";
import classes from "./Sidebar.module.css";
import { ThemeToggle } from "./ThemeToggle.tsx";
import { UserMenu } from "./UserMenu.tsx";

const WORK: [string, string, Icon][] = [
  ["/projects", "Projects", IconFolders],
  ["/tasks", "Tasks", IconBolt],
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
  return (
    <div className={classes.sidebar}>
      <div className={classes.brand}>
        <Brand />
      </div>
      <nav aria-label="Areas" className={classes.areas}>
        <Links links={WORK} />
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

function Links({ links }: { links: [string, string, Icon][] }) {
  return links.map(([to, label, Symbol]) => (
    <NavLink key={to} to={to} className={classes.link}>
      <Symbol size={18} stroke={1.6} aria-hidden />
      {label}
    </NavLink>
  ));
}
