import { Button, Group, PasswordInput, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { asProblem } from "../../api/problem.ts";
import { useChangePassword } from "../../api/session.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

/** Change the password, or set a first one; every other log-in ends. */
export function PasswordPanel({ hasPassword }: { hasPassword: boolean }) {
  const change = useChangePassword();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const fields = change.error ? asProblem(change.error).fields : {};
  function submit() {
    const body = { current_password: hasPassword ? current : null, new_password: next };
    change.mutate(body, { onSuccess: () => (setCurrent(""), setNext("")) });
  }
  return (
    <Panel title="Password" note="a change ends every other log-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Stack gap={14}>
          {hasPassword && (
            <PasswordInput
              label="Present password"
              autoComplete="current-password"
              value={current}
              error={fields.current_password}
              onChange={(event) => setCurrent(event.currentTarget.value)}
            />
          )}
          <PasswordInput
            label="New password"
            autoComplete="new-password"
            value={next}
            error={fields.new_password}
            onChange={(event) => setNext(event.currentTarget.value)}
          />
          <ProblemAlert error={change.error} />
          <Group>
            <Button
              type="submit"
              variant="default"
              loading={change.isPending}
              disabled={!next || (hasPassword && !current)}
            >
              Change password
            </Button>
            {change.isSuccess && (
              <Text size="sm" c="dimmed">
                Changed
              </Text>
            )}
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
