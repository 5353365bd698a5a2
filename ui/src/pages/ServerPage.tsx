import { Button, Group, Skeleton, Stack } from "@mantine/core";
import { IconHeartbeat } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useNavigate, useParams } from "react-router";
import { Problem } from "../api/problem.ts";
import { useDeleteServer, useProbe, useServer } from "../api/servers.ts";
import type { McpServer } from "../api/types.ts";
import { CapabilityTags } from "../components/CapabilityTags.tsx";
import { ConfirmButton } from "../components/ConfirmButton.tsx";
import { Facts } from "../components/Facts.tsx";
import { PageHeader } from "../components/PageHeader.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { StateBadge } from "../components/StateBadge.tsx";
import { TimeAgo } from "../components/TimeAgo.tsx";
import { Connection } from "./server/Connection.tsx";
import { HeldBack } from "./server/HeldBack.tsx";
import { stateOf } from "./server/state.ts";
import { ToolList } from "./server/ToolList.tsx";

/** One MCP server: how it is, what it offers, and its tools to try. */
export function ServerPage() {
  const { serverId = "" } = useParams();
  const server = useServer(serverId);
  if (server.isError && !server.data) {
    return <ProblemAlert error={server.error} onRetry={() => void server.refetch()} />;
  }
  if (!server.data) return <Skeleton height={200} radius="md" />;
  return <Shown server={server.data} />;
}

function Shown({ server }: { server: McpServer }) {
  const probe = useProbe(server.id);
  const remove = useDeleteServer(server.id);
  const navigate = useNavigate();
  return (
    <>
      <PageHeader
        title={server.name}
        description={server.description}
        trail={[{ label: "MCP servers", to: "/servers" }]}
        badge={<StateBadge state={stateOf(server)} />}
        actions={
          <Group gap={8}>
            {server.transport !== "builtin" && (
              <ConfirmButton
                label="Remove"
                question={`Remove ${server.name} from the registry?`}
                confirm="Remove"
                busy={remove.isPending}
                onConfirm={() => remove.mutate(undefined, { onSuccess: () => navigate("/servers") })}
              />
            )}
            <Button
              variant="default"
              leftSection={<IconHeartbeat size={16} stroke={1.7} />}
              loading={probe.isPending}
              onClick={() => probe.mutate()}
            >
              Probe now
            </Button>
          </Group>
        }
      />
      <Stack gap="md">
        <ProblemAlert error={probe.error ?? remove.error} />
        {server.health_error && (
          <ProblemAlert error={new Problem(0, { code: "last_probe", detail: server.health_error })} />
        )}
        <Facts
          facts={[
            ["Transport", server.transport.replace("_", " ")],
            [
              "Address",
              <span key="address" className="mono">
                {addressOf(server)}
              </span>,
            ],
            ["Latency", server.latency_ms === null ? "–" : `${server.latency_ms.toFixed(1)} ms`],
            ["Protocol", server.protocol_version ?? "–"],
            [
              "Probed",
              server.transport === "builtin" ? "in process" : <TimeAgo key="at" at={server.probed_at} />,
            ],
            ...(server.sandboxed === null
              ? []
              : [
                  ["Sandbox", server.sandboxed ? server.sandbox : `none: ${server.sandbox_note}`] as [
                    string,
                    string,
                  ],
                ]),
            ...(server.origin === null
              ? []
              : [["Imported as", <Origin key="origin" origin={server.origin} />] as [string, ReactNode]]),
            ["Capabilities", <CapabilityTags key="tags" capabilities={server.capabilities} />],
          ]}
        />
        <Connection server={server} />
        {server.transport !== "builtin" && <HeldBack serverId={server.id} />}
        <ToolList serverId={server.id} />
      </Stack>
    </>
  );
}

/** The name and version that the official registry has for it. */
function Origin({ origin }: { origin: NonNullable<McpServer["origin"]> }) {
  return <span className="mono">{[origin.name, origin.version].filter(Boolean).join(" ")}</span>;
}

function addressOf(server: McpServer): string {
  return server.url ?? ([server.command, ...server.args].filter(Boolean).join(" ") || "–");
}
