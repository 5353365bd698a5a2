import { Group, Text, Title } from "@mantine/core";
import { IconChevronLeft } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { usePageTitle } from "../lib/usePageTitle.ts";
import classes from "./PageHeader.module.css";

interface Props {
  title: string;
  description?: ReactNode;
  trail?: { label: string; to: string }[];
  badge?: ReactNode;
  actions?: ReactNode;
}

/** The top of every page: where we are, what this is, what can be done. */
export function PageHeader({ title, description, trail = [], badge, actions }: Props) {
  usePageTitle(title);
  return (
    <header className={classes.header}>
      {trail.length > 0 && (
        <nav className={classes.trail} aria-label="Breadcrumb">
          {trail.map((step) => (
            <Link key={step.to} to={step.to}>
              <IconChevronLeft size={14} aria-hidden />
              {step.label}
            </Link>
          ))}
        </nav>
      )}
      <Group justify="space-between" align="flex-start" gap="md">
        <div className={classes.words}>
          <Group gap={12} align="center">
            <Title order={1}>{title}</Title>
            {badge}
          </Group>
          {description && (
            <Text c="dimmed" mt={4} maw={680}>
              {description}
            </Text>
          )}
        </div>
        {actions && <Group gap={8}>{actions}</Group>}
      </Group>
    </header>
  );
}
