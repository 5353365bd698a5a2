import { Button, Center, Checkbox, Group, Loader, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { useState } from "react";
import { Navigate, useParams } from "react-router";
import { useAsked, useDecide } from "../api/applications.ts";
import { useLogout, useProfile } from "../api/session.ts";
import type { Asked, Profile } from "../api/types.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { AuthFrame } from "../layout/AuthFrame.tsx";
import classes from "./ConnectPage.module.css";

/** A program asks to be connected: who it is, what it may do, and the decision. */
export function ConnectPage() {
  const { requestId = "" } = useParams();
  const profile = useProfile();
  const asked = useAsked(requestId, Boolean(profile.data));
  if (profile.data === null) {
    return <Navigate to={`/login?next=${encodeURIComponent(`/connect/${requestId}`)}`} replace />;
  }
  if (asked.data && profile.data) {
    return <Consent requestId={requestId} asked={asked.data} profile={profile.data} />;
  }
  const error = profile.error ?? asked.error;
  if (!error) {
    return (
      <Center h="100vh">
        <Loader size="sm" aria-label="Loading" />
      </Center>
    );
  }
  return (
    <AuthFrame title="Nothing to decide" foot="Connect again from the program.">
      <ProblemAlert error={error} />
    </AuthFrame>
  );
}

function Consent({ requestId, asked, profile }: { requestId: string; asked: Asked; profile: Profile }) {
  const decide = useDecide(requestId);
  const [remember, setRemember] = useState(false);
  const going = decide.isPending || decide.isSuccess;
  return (
    <AuthFrame title="Connect a program" foot={<Account profile={profile} />}>
      <Stack gap={16}>
        <WhoAsks asked={asked} />
        <div>
          <Text size="sm" c="dimmed" mb={6}>
            It wants to use <span className={classes.address}>{asked.endpoint}</span> as you:
          </Text>
          <ul className={classes.scopes} aria-label="What it may do">
            {asked.scopes.map((each) => (
              <li key={each.scope}>
                <IconCheck size={16} stroke={2} aria-hidden />
                <span>
                  {each.words} <span className={classes.scope}>{each.scope}</span>
                </span>
              </li>
            ))}
          </ul>
        </div>
        <Checkbox
          label="Do not ask again for this program"
          description={
            asked.local ? "Any program on this computer could then connect under its name." : undefined
          }
          checked={remember}
          disabled={going}
          onChange={(event) => setRemember(event.currentTarget.checked)}
        />
        <ProblemAlert error={decide.error} />
        <Group grow gap={10}>
          <Button
            variant="default"
            disabled={going}
            onClick={() => decide.mutate({ approve: false, remember: false })}
          >
            Deny
          </Button>
          <Button
            loading={decide.isPending}
            disabled={going}
            onClick={() => decide.mutate({ approve: true, remember })}
          >
            Connect
          </Button>
        </Group>
        <Text size="sm" c="dimmed" role="status">
          {decide.isSuccess
            ? "Done. If the program did not come back by itself, you can close this page."
            : "You can end it at any time in Settings, Connected programs."}
        </Text>
      </Stack>
    </AuthFrame>
  );
}

function WhoAsks({ asked }: { asked: Asked }) {
  return (
    <div className={classes.who}>
      <Text size="lg" fw={600} className={classes.name}>
        <bdi>{asked.name}</bdi>
      </Text>
      {asked.vouched ? (
        <Text size="sm">
          described by <strong className={classes.host}>{asked.host}</strong>
        </Text>
      ) : (
        <Text size="sm" className={classes.warning}>
          <IconAlertTriangle size={15} stroke={1.8} aria-hidden /> It named itself; nobody has checked that
          name.
        </Text>
      )}
      <Text size="sm">
        {asked.local ? "The answer goes to a program on this computer: " : "The answer goes to "}
        <strong className={classes.host}>{asked.way_back}</strong>. Connect only what you started yourself.
      </Text>
    </div>
  );
}

function Account({ profile }: { profile: Profile }) {
  const logout = useLogout();
  return (
    <>
      Logged in as <strong>{profile.email}</strong>.{" "}
      <button type="button" className={classes.other} onClick={() => logout.mutate()}>
        Use another account
      </button>
    </>
  );
}
