import { Button } from "@mantine/core";
import { useConnect, useConnection, useDisconnect } from "../../api/servers.ts";
import type { McpServer } from "../../api/types.ts";
import { Facts } from "../../components/Facts.tsx";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { StateBadge } from "../../components/StateBadge.tsx";
import { TimeAgo } from "../../components/TimeAgo.tsx";

/** The log-in at a server that wants OAuth: how it stands, and the way there and back. */
export function Connection({ server }: { server: McpServer }) {
  const known = useConnection(server.id, server.oauth !== null);
  const connect = useConnect(server.id);
  const disconnect = useDisconnect(server.id);
  if (server.oauth === null) return null;
  const connection = known.data;
  const connected = connection?.status === "connected";
  return (
    <Panel
      title="Your log-in there"
      note={connection && <StateBadge state={connection.status} />}
      actions={
        <>
          {connected && (
            <Button
              size="xs"
              variant="default"
              loading={disconnect.isPending}
              onClick={() => disconnect.mutate()}
            >
              Disconnect
            </Button>
          )}
          <Button
            size="xs"
            variant={connected ? "default" : "filled"}
            loading={connect.isPending}
            onClick={() => connect.mutate()}
          >
            {connected ? "Log in again" : "Log in"}
          </Button>
        </>
      }
    >
      <ProblemAlert error={known.error ?? connect.error ?? disconnect.error} />
      {connection && (
        <Facts
          facts={[
            ["For", connection.mode === "shared" ? "everybody who may use it" : "you alone"],
            ["Allowed", connection.scopes.join(", ") || "–"],
            ["Asked for beyond", connection.wanted.join(", ") || "–"],
            ["Token ends", connection.expires_at ? <TimeAgo key="end" at={connection.expires_at} /> : "–"],
          ]}
        />
      )}
    </Panel>
  );
}
