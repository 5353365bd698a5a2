import { Button, Group, Stack, Text } from "@mantine/core";
import { IconBrandGithub, IconMoodSmile, type Icon } from "@tabler/icons-react";
import { useLinkAccount, useLoginProviders, useUnlinkAccount, type ProviderName } from "../../api/session.ts";
import type { Profile } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";

interface Place {
  name: ProviderName;
  label: string;
  icon: Icon;
  use: string;
  setting: string;
}

const PLACES: Place[] = [
  {
    name: "github",
    label: "GitHub",
    icon: IconBrandGithub,
    use: "Log in with it, clone your private repositories, open pull requests.",
    setting: "GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET",
  },
  {
    name: "huggingface",
    label: "Hugging Face",
    icon: IconMoodSmile,
    use: "Run heavy work in your own Space, keep large results in your own datasets.",
    setting: "HF_CLIENT_ID and HF_CLIENT_SECRET",
  },
];

/** Accounts elsewhere that belong to this one. */
export function AccountsSection({ profile }: { profile: Profile }) {
  const providers = useLoginProviders();
  const link = useLinkAccount();
  const unlink = useUnlinkAccount();
  return (
    <Stack gap="md" maw={720}>
      <ProblemAlert error={link.error ?? unlink.error} />
      {PLACES.map(({ name, label, icon: Symbol, use, setting }) => {
        const linked = profile.identities.find((identity) => identity.provider === name);
        const configured =
          providers.data?.items.some((each) => each.name === name && each.configured) ?? false;
        return (
          <Panel key={name}>
            <Group justify="space-between" wrap="nowrap">
              <Group gap={14} wrap="nowrap">
                <Symbol size={26} stroke={1.5} aria-hidden />
                <div>
                  <Text fw={500}>
                    {label}
                    {linked && (
                      <Text span c="dimmed" fw={400}>
                        {" "}
                        linked as {linked.login}
                      </Text>
                    )}
                  </Text>
                  <Text size="sm" c="dimmed">
                    {configured || linked ? use : `Not set up on this service: it needs ${setting}.`}
                  </Text>
                </div>
              </Group>
              {linked && (
                <Button variant="default" loading={unlink.isPending} onClick={() => unlink.mutate(name)}>
                  Unlink
                </Button>
              )}
              {!linked && configured && (
                <Button variant="default" loading={link.isPending} onClick={() => link.mutate(name)}>
                  Link
                </Button>
              )}
            </Group>
          </Panel>
        );
      })}
    </Stack>
  );
}
