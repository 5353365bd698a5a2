import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { usePageTitle } from "../lib/usePageTitle.ts";
import classes from "./AuthFrame.module.css";
import { Brand } from "./Brand.tsx";
import { RouteSketch } from "./RouteSketch.tsx";
import { ThemeToggle } from "./ThemeToggle.tsx";

interface Props {
  title: string;
  children: ReactNode;
  foot: ReactNode;
}

/** The page before one is logged in: the form on one side, what this is on the other. */
export function AuthFrame({ title, children, foot }: Props) {
  usePageTitle(title);
  return (
    <div className={classes.split}>
      <main className={classes.side}>
        <div className={classes.top}>
          <Brand />
          <ThemeToggle />
        </div>
        <div className={classes.form}>
          <Title order={1} mb={20}>
            {title}
          </Title>
          {children}
          <Text size="sm" c="dimmed" mt={20}>
            {foot}
          </Text>
        </div>
      </main>
      <aside className={classes.story}>
        <RouteSketch />
        <p className={classes.claim}>Every task finds the tool or agent that can do it, and tells you why.</p>
        <p className={classes.more}>
          Hand over a repository. Watch its code become a graph you can query. Route work to MCP servers and
          agents, follow each event as it happens, and read the diff at the end.
        </p>
      </aside>
    </div>
  );
}
