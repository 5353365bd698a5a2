import { Button, Group, Stack } from "@mantine/core";
import { useState } from "react";
import { useChangeEndpoint } from "../../api/gateway.ts";
import { asProblem } from "../../api/problem.ts";
import type { Endpoint, NewEndpoint } from "../../api/types.ts";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { EndpointFields } from "./EndpointFields.tsx";

/** Change what an endpoint shows; its address stays, and so do renamed and annotated tools. */
export function ChangeEndpointForm({ endpoint, onDone }: { endpoint: Endpoint; onDone: () => void }) {
  const save = useChangeEndpoint(endpoint.name);
  const [now, setNow] = useState<NewEndpoint>({
    name: endpoint.name,
    description: endpoint.description,
    servers: endpoint.servers,
    tools: endpoint.tools,
    prefix: endpoint.prefix,
    own_tools: endpoint.own_tools,
    read_only: endpoint.read_only,
    search: endpoint.search,
  });
  return (
    <form
      aria-label={`change ${endpoint.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        const { name: _, ...rest } = now;
        save.mutate(rest, { onSuccess: onDone });
      }}
    >
      <Stack gap={14} my={10}>
        <EndpointFields
          known
          value={now}
          change={(part) => setNow((known) => ({ ...known, ...part }))}
          wrong={save.error ? asProblem(save.error).fields : {}}
        />
        <ProblemAlert error={save.error} />
        <Group>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
          <Button variant="default" onClick={onDone}>
            Leave it as it is
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
