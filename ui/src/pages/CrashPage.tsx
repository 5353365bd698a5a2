import { Button } from "@mantine/core";
import { IconBug } from "@tabler/icons-react";
import { useRouteError } from "react-router";
import { asProblem } from "../api/problem.ts";
import { EmptyState } from "../components/EmptyState.tsx";

/** Stands where a page failed to draw, instead of a blank one. */
export function CrashPage() {
  const problem = asProblem(useRouteError());
  return (
    <EmptyState
      icon={IconBug}
      title="This page broke"
      action={<Button onClick={() => window.location.reload()}>Load it again</Button>}
    >
      {problem.message}
    </EmptyState>
  );
}
