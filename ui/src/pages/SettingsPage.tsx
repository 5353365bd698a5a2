import { Tabs } from "@mantine/core";
import { useNavigate, useParams } from "react-router";
import { useProfile } from "../api/session.ts";
import { PageHeader } from "../components/PageHeader.tsx";
import { AccountsSection } from "./settings/AccountsSection.tsx";
import { ApplicationsSection } from "./settings/ApplicationsSection.tsx";
import { ProfileSection } from "./settings/ProfileSection.tsx";
import { TokensSection } from "./settings/TokensSection.tsx";

/** What belongs to who is logged in: profile, API tokens, connected programs, linked accounts. */
export function SettingsPage() {
  const { section = "profile" } = useParams();
  const navigate = useNavigate();
  const profile = useProfile();
  if (!profile.data) return null;
  return (
    <>
      <PageHeader title="Settings" />
      <Tabs
        value={section}
        onChange={(next) =>
          navigate(next === "profile" ? "/settings" : `/settings/${next}`, { replace: true })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="profile">Profile</Tabs.Tab>
          <Tabs.Tab value="tokens">API tokens</Tabs.Tab>
          <Tabs.Tab value="programs">Connected programs</Tabs.Tab>
          <Tabs.Tab value="accounts">Linked accounts</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="profile">
          <ProfileSection profile={profile.data} />
        </Tabs.Panel>
        <Tabs.Panel value="tokens">
          <TokensSection />
        </Tabs.Panel>
        <Tabs.Panel value="programs">
          <ApplicationsSection />
        </Tabs.Panel>
        <Tabs.Panel value="accounts">
          <AccountsSection profile={profile.data} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
