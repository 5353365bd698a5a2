import { Button, Group, MultiSelect, Stack, Switch, TagsInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { useCreateEndpoint } from "../../api/gateway.ts";
import { asProblem } from "../../api/problem.ts";
import { useServers } from "../../api/servers.ts";
import { useProfile } from "../../api/session.ts";
import type { NewEndpoint } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import classes from "./Gateway.module.css";

const EMPTY: NewEndpoint = { name: "", description: "", servers: [], tools: [], prefix: true };
const SWITCHES: [keyof NewEndpoint & ("prefix" | "own_tools" | "read_only" | "search"), string][] = [
  ["prefix", "Names carry their server's"],
  ["own_tools", "The orchestrator's own tools, too"],
  ["read_only", "Only tools that change nothing"],
  ["search", "Tools are searched for, not listed"],
];

/** Make an address with chosen servers and tools. */
export function NewEndpointForm() {
  const create = useCreateEndpoint();
  const servers = useServers();
  const profile = useProfile();
  const [made, setMade] = useState<NewEndpoint>(EMPTY);
  const change = (part: Partial<NewEndpoint>) => setMade((known) => ({ ...known, ...part }));
  const fields = create.error ? asProblem(create.error).fields : {};
  return (
    <Panel title="New endpoint">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(made, { onSuccess: () => setMade(EMPTY) });
        }}
      >
        <Stack gap={14}>
          <div className={classes.form}>
            <TextInput
              label="Name"
              description="Small letters, digits and -"
              placeholder="review"
              maxLength={64}
              value={made.name}
              error={fields.name}
              onChange={(event) => change({ name: event.currentTarget.value })}
            />
            <TextInput
              label="Description"
              description="What it is for"
              maxLength={2000}
              value={made.description ?? ""}
              onChange={(event) => change({ description: event.currentTarget.value })}
            />
            <MultiSelect
              label="Servers"
              description="None: all of them"
              searchable
              data={(servers.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))}
              value={made.servers ?? []}
              onChange={(next) => change({ servers: next })}
            />
            <TagsInput
              label="Tools"
              description="Patterns such as git__*; none: all of them"
              value={made.tools ?? []}
              onChange={(next) => change({ tools: next })}
            />
          </div>
          <div className={classes.form}>
            {SWITCHES.map(([name, label]) => (
              <Switch
                key={name}
                label={label}
                checked={made[name] ?? false}
                onChange={(event) => change({ [name]: event.currentTarget.checked })}
              />
            ))}
            {profile.data?.is_admin && (
              <Switch
                label="For everybody"
                checked={made.shared ?? false}
                onChange={(event) => change({ shared: event.currentTarget.checked })}
              />
            )}
          </div>
          <ProblemAlert error={create.error} />
          <Group>
            <Button type="submit" disabled={!made.name.trim()} loading={create.isPending}>
              Make endpoint
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
