import { Tabs } from "@mantine/core";
import { useNavigate, useParams } from "react-router";
import { PageHeader } from "../components/PageHeader.tsx";
import { AgentRulesTab } from "./inbox/AgentRulesTab.tsx";
import { OpenTab } from "./inbox/OpenTab.tsx";

/** What waits for a person, in every project, and the rules that answer in a person's place. */
export function InboxPage() {
  const { tab = "open" } = useParams();
  const navigate = useNavigate();
  return (
    <>
      <PageHeader title="Inbox" description="What agents ask of you. A rule answers before you are asked." />
      <Tabs
        value={tab}
        onChange={(next) => navigate(next === "open" ? "/inbox" : `/inbox/${next}`, { replace: true })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="open">Open</Tabs.Tab>
          <Tabs.Tab value="rules">Rules for agents</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="open">
          <OpenTab />
        </Tabs.Panel>
        <Tabs.Panel value="rules">
          <AgentRulesTab />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
