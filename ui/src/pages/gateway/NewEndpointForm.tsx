import { Button, Group, Stack } from "@mantine/core";
import { useState } from "react";
import { useCreateEndpoint } from "../../api/gateway.ts";
import { asProblem } from "../../api/problem.ts";
import type { NewEndpoint } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { EndpointFields } from "./EndpointFields.tsx";

const EMPTY: NewEndpoint = { name: "", description: "", servers: [], tools: [], prefix: true };

/** Make an address with chosen servers and tools. */
export function NewEndpointForm() {
  const create = useCreateEndpoint();
  const [made, setMade] = useState<NewEndpoint>(EMPTY);
  return (
    <Panel title="New endpoint">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(made, { onSuccess: () => setMade(EMPTY) });
        }}
      >
        <Stack gap={14}>
          <EndpointFields
            value={made}
            change={(part) => setMade((known) => ({ ...known, ...part }))}
            wrong={create.error ? asProblem(create.error).fields : {}}
          />
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
