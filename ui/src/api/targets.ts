/** Names for target ids, from the registry of servers and the list of agents. */
import { useMemo } from "react";
import { useAgents } from "./agents.ts";
import { useServers } from "./servers.ts";
import type { Task } from "./types.ts";

const SYSTEM: [string, string][] = [
  ["system:graph-builder", "graph builder"],
  ["system:project-sync", "project sync"],
  ["system:merge-queue", "merge queue"],
];

/** Tells who carries a task out: the target's name, else its type, else a dash. */
export function useTargetNames(): (task: Pick<Task, "target_id" | "target_type">) => string {
  const servers = useServers();
  const agents = useAgents();
  const names = useMemo(() => {
    const found: [string, string][] = [
      ...(servers.data?.items ?? []).map((server): [string, string] => [server.target_id, server.name]),
      ...(agents.data?.items ?? []).map((agent): [string, string] => [agent.id, agent.name]),
    ];
    return new Map([...SYSTEM, ...found]);
  }, [servers.data, agents.data]);
  return ({ target_id, target_type }) => (target_id && names.get(target_id)) || target_type || "–";
}

/** Tells an agent's name by its id, and the id of one that is gone or nobody else's business. */
export function useAgentNames(): (id: string) => string {
  const agents = useAgents();
  return (id) => agents.data?.items.find((one) => one.id === id)?.name ?? id;
}
