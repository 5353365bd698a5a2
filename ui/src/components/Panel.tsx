import { Group, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Panel.module.css";

interface Props {
  title?: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** Without inner space, for tables and editors that reach the edges. */
  flush?: boolean;
}

/** A framed part of a page with an optional heading. */
export function Panel({ title, note, actions, children, flush = false }: Props) {
  return (
    <section className={classes.panel} aria-label={title}>
      {(title || actions) && (
        <Group className={classes.head} justify="space-between" wrap="nowrap" gap="sm">
          <Group gap={10} align="baseline" wrap="nowrap" miw={0}>
            {title && <Title order={3}>{title}</Title>}
            {note && (
              <Text size="xs" c="dimmed" truncate>
                {note}
              </Text>
            )}
          </Group>
          {actions && (
            <Group gap={6} wrap="nowrap">
              {actions}
            </Group>
          )}
        </Group>
      )}
      <div className={flush ? classes.flush : classes.body}>{children}</div>
    </section>
  );
}
