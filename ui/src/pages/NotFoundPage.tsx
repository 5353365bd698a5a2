import { Button } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link } from "react-router";
import { EmptyState } from "../components/EmptyState.tsx";
import { usePageTitle } from "../lib/usePageTitle.ts";

/** For addresses that lead nowhere. */
export function NotFoundPage() {
  usePageTitle("Not found");
  return (
    <EmptyState
      icon={IconMapOff}
      title="There is no such page"
      action={
        <Button component={Link} to="/projects" variant="default">
          To the projects
        </Button>
      }
    >
      The address may be mistyped, or what it named was deleted.
    </EmptyState>
  );
}
