/** How a server stands, in a word: what its last probe said, or that its first one has not ended yet. */
import type { McpServer } from "../../api/types.ts";

export function stateOf(server: McpServer): string {
  if (!server.enabled) return "disabled";
  return server.health === "unknown" && server.status === "starting" ? "starting" : server.health;
}
