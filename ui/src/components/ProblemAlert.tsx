import { Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { asProblem } from "../api/problem.ts";
import classes from "./ProblemAlert.module.css";

interface Props {
  error: unknown;
  onRetry?: () => void;
}

/** A failed call, told from its problem document: what, which field, what helps, and the id to report. */
export function ProblemAlert({ error, onRetry }: Props) {
  if (!error) return null;
  const problem = asProblem(error);
  return (
    <div className={classes.alert} role="alert">
      <IconAlertTriangle size={18} stroke={1.7} className={classes.icon} aria-hidden />
      <div className={classes.words}>
        <Text size="sm" fw={500}>
          {problem.message}
        </Text>
        {Object.entries(problem.fields)
          .filter(([, message]) => message !== problem.message)
          .map(([field, message]) => (
            <Text key={field} size="sm">
              <span className="mono">{field}</span>: {message}
            </Text>
          ))}
        {problem.hint && <Text size="sm">{problem.hint}</Text>}
        <Group gap={12} mt={4} className={classes.facts}>
          <span className="mono">{problem.code}</span>
          {problem.field && <span className="mono">field {problem.field}</span>}
          {problem.requestId && <span className="mono">request {problem.requestId}</span>}
        </Group>
      </div>
      {onRetry && (
        <Button size="xs" variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
