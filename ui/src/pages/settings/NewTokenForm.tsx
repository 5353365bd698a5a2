import { Alert, Button, Group, MultiSelect, Select, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { asProblem } from "../../api/problem.ts";
import { useCreateToken } from "../../api/tokens.ts";
import type { TokenScope } from "../../api/types.ts";
import { CodeBlock } from "../../components/CodeBlock.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

const SCOPES: TokenScope[] = [
  "tasks:read",
  "tasks:write",
  "projects:read",
  "projects:write",
  "mcps:read",
  "mcps:write",
  "mcps:execute",
  "kg:read",
  "kg:write",
  "agents:read",
  "agents:write",
  "account",
];
const USUAL: TokenScope[] = [
  "tasks:read",
  "tasks:write",
  "projects:read",
  "mcps:read",
  "mcps:execute",
  "kg:read",
  "agents:read",
];
const LIFETIMES = [
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "never", label: "No expiry" },
];

/** Make a token; its text is shown once. */
export function NewTokenForm() {
  const create = useCreateToken();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<TokenScope[]>(USUAL);
  const [days, setDays] = useState("90");
  const fields = create.error ? asProblem(create.error).fields : {};
  function submit() {
    const expires_in_days = days === "never" ? null : Number(days);
    create.mutate({ name: name.trim(), scopes, expires_in_days }, { onSuccess: () => setName("") });
  }
  return (
    <Panel title="New token">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Stack gap={14}>
          <Group align="flex-start" gap={12}>
            <TextInput
              label="Name"
              placeholder="laptop"
              flex={1}
              miw={180}
              maxLength={100}
              value={name}
              error={fields.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Select
              label="Lives for"
              data={LIFETIMES}
              value={days}
              allowDeselect={false}
              w={140}
              onChange={(next) => next && setDays(next)}
            />
          </Group>
          <MultiSelect
            label="What it may do"
            data={SCOPES}
            value={scopes}
            error={fields.scopes}
            onChange={(next) => setScopes(next as TokenScope[])}
          />
          <ProblemAlert error={create.error} />
          {create.data && (
            <Alert color="accent" title="Copy it now: it is not shown again">
              <CodeBlock text={create.data.token} label="token" wrap />
            </Alert>
          )}
          <Group>
            <Button type="submit" disabled={!name.trim() || scopes.length === 0} loading={create.isPending}>
              Make token
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
