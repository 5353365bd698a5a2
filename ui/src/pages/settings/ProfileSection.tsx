import {
  Button,
  Group,
  SegmentedControl,
  Stack,
  Text,
  TextInput,
  useMantineColorScheme,
} from "@mantine/core";
import { useState } from "react";
import { asProblem } from "../../api/problem.ts";
import { useSaveProfile } from "../../api/session.ts";
import type { Profile } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import { PasswordPanel } from "./PasswordPanel.tsx";

/** Name, e-mail, appearance. */
export function ProfileSection({ profile }: { profile: Profile }) {
  const save = useSaveProfile();
  const [name, setName] = useState(profile.display_name);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const fields = save.error ? asProblem(save.error).fields : {};
  return (
    <Stack gap="md" maw={620}>
      <Panel title="Profile">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate({ display_name: name });
          }}
        >
          <Stack gap={14}>
            <TextInput label="E-mail" value={profile.email} disabled />
            <TextInput
              label="Name"
              value={name}
              error={fields.display_name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <ProblemAlert error={save.error} />
            <Group>
              <Button type="submit" loading={save.isPending}>
                Save
              </Button>
              {save.isSuccess && (
                <Text size="sm" c="dimmed">
                  Saved
                </Text>
              )}
            </Group>
          </Stack>
        </form>
      </Panel>
      <PasswordPanel hasPassword={profile.has_password} />
      <Panel title="Appearance" note="kept in this browser">
        <SegmentedControl
          aria-label="Colour scheme"
          value={colorScheme}
          onChange={(next) => setColorScheme(next as "light" | "dark" | "auto")}
          data={[
            { value: "auto", label: "As the system" },
            { value: "light", label: "Light" },
            { value: "dark", label: "Dark" },
          ]}
        />
      </Panel>
    </Stack>
  );
}
