import { Button, Select, Stack, Table, Text } from "@mantine/core";
import { useState } from "react";
import { useExplain } from "../../api/gateway.ts";
import { useServers, useServerTools } from "../../api/servers.ts";
import type { Explained } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import classes from "./Gateway.module.css";

/** What would become of a call, and by which rule; nothing is called. */
export function ExplainCall() {
  const servers = useServers();
  const explain = useExplain();
  const [server, setServer] = useState<string | null>(null);
  const [tool, setTool] = useState<string | null>(null);
  return (
    <Panel title="Which rule decides">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (server && tool) explain.mutate({ server_id: server, tool });
        }}
      >
        <Stack gap={14}>
          <div className={classes.form}>
            <Select
              label="Server of the call"
              searchable
              data={(servers.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))}
              value={server}
              onChange={(next) => {
                setServer(next);
                setTool(null);
              }}
            />
            <ToolSelect key={server} serverId={server} value={tool} onChange={setTool} />
          </div>
          <ProblemAlert error={explain.error} />
          <div>
            <Button type="submit" variant="default" disabled={!server || !tool} loading={explain.isPending}>
              Explain
            </Button>
          </div>
          {explain.data && <Answer found={explain.data} />}
        </Stack>
      </form>
    </Panel>
  );
}

interface ToolSelectProps {
  serverId: string | null;
  value: string | null;
  onChange: (tool: string | null) => void;
}

function ToolSelect({ serverId, value, onChange }: ToolSelectProps) {
  return serverId ? (
    <KnownTools serverId={serverId} value={value} onChange={onChange} />
  ) : (
    <Select label="Tool of the call" disabled placeholder="Choose a server first" data={[]} />
  );
}

function KnownTools({ serverId, value, onChange }: ToolSelectProps & { serverId: string }) {
  const tools = useServerTools(serverId);
  const names = (tools.data?.tools ?? []).map((one) => one.name);
  return <Select label="Tool of the call" searchable data={names} value={value} onChange={onChange} />;
}

function Answer({ found }: { found: Explained }) {
  return (
    <div role="status">
      <StateBadge state={found.effect} /> <Text span>{found.why}</Text>
      {found.always_allowed && <Text size="sm">You said that you always allow it.</Text>}
      {found.rules.length > 0 && (
        <div style={{ overflowX: "auto" }}>
          <Table className={classes.table} mt="sm">
            <Table.Tbody>
              {found.rules.map((one) => (
                <Table.Tr key={one.rule_id}>
                  <Table.Td>
                    <StateBadge state={one.effect} />
                  </Table.Td>
                  <Table.Td className={classes.name}>{one.tool}</Table.Td>
                  <Table.Td className={classes.dim}>{one.level}</Table.Td>
                  <Table.Td className={classes.dim}>
                    {one.decides_level ? "decides" : (one.why_not ?? "less specific")}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </div>
  );
}
