import { Button, Divider, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { asProblem, Problem } from "../api/problem.ts";
import { useLogin, useProfile } from "../api/session.ts";
import { GoTo } from "../components/GoTo.tsx";
import { OutsideLogins } from "../components/OutsideLogins.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { AuthFrame } from "../layout/AuthFrame.tsx";
import { safeNext } from "../lib/safeNext.ts";

/** Log in with e-mail and password, or with an account elsewhere. */
export function LoginPage() {
  const [params] = useSearchParams();
  const profile = useProfile();
  const login = useLogin();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const next = safeNext(params.get("next"));
  const here = params.has("next") ? `?${new URLSearchParams({ next })}` : "";
  if (profile.data) return <GoTo path={next} />;
  const fields = login.error ? asProblem(login.error).fields : {};
  return (
    <AuthFrame
      title="Log in"
      foot={
        <>
          No account yet?{" "}
          <Link to={`/register${here}`} className="link">
            Register
          </Link>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          login.mutate({ email, password });
        }}
      >
        <Stack gap={14}>
          <OutsideLogins next={next}>
            <Divider label="or by e-mail" />
          </OutsideLogins>
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            withAsterisk={false}
            autoFocus
            value={email}
            error={fields.email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={password}
            error={fields.password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <ProblemAlert error={login.error ?? outsideProblem(params.get("error"))} />
          <Button type="submit" loading={login.isPending} fullWidth mt={4}>
            Log in
          </Button>
        </Stack>
      </form>
    </AuthFrame>
  );
}

const OUTSIDE: Record<string, string> = {
  not_authenticated: "The log-in was refused there, or took too long. Try it again.",
  conflict:
    "That account or its e-mail already belongs to somebody here. Log in by e-mail and link it in Settings.",
  forbidden: "That account may not log in here.",
};

/** Why the way back from an account elsewhere ended here; the address tells a code only. */
function outsideProblem(code: string | null): Problem | null {
  if (!code || !/^[a-z_]{1,40}$/.test(code)) return null;
  return new Problem(0, { code, detail: OUTSIDE[code] ?? "The log-in with the other account did not work." });
}
