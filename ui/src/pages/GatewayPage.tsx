import { Tabs } from "@mantine/core";
import { useNavigate, useParams } from "react-router";
import { PageHeader } from "../components/PageHeader.tsx";
import { CallsTab } from "./gateway/CallsTab.tsx";
import { EndpointsTab } from "./gateway/EndpointsTab.tsx";
import classes from "./gateway/Gateway.module.css";
import { RulesTab } from "./gateway/RulesTab.tsx";
import { StatsTab } from "./gateway/StatsTab.tsx";

const TABS = [
  ["stats", "Statistics", StatsTab],
  ["calls", "Record", CallsTab],
  ["rules", "Rules", RulesTab],
  ["endpoints", "Endpoints", EndpointsTab],
] as const;

/** What passes between callers and MCP servers: how much, what exactly, what may, and under which addresses. */
export function GatewayPage() {
  const { tab = "stats" } = useParams();
  const navigate = useNavigate();
  return (
    <>
      <PageHeader
        title="Gateway"
        description="Every tool call passes here, whichever way it came: counted, recorded, and allowed by rules."
      />
      <Tabs
        value={tab}
        onChange={(next) => navigate(next === "stats" ? "/gateway" : `/gateway/${next}`, { replace: true })}
        keepMounted={false}
      >
        <Tabs.List mb="md" className={classes.tabs}>
          {TABS.map(([value, label]) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(([value, , Shown]) => (
          <Tabs.Panel key={value} value={value}>
            <Shown />
          </Tabs.Panel>
        ))}
      </Tabs>
    </>
  );
}
