import { Button, Divider, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { asProblem } from "../api/problem.ts";
import { useProfile, useRegister } from "../api/session.ts";
import { GoTo } from "../components/GoTo.tsx";
import { OutsideLogins } from "../components/OutsideLogins.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { AuthFrame } from "../layout/AuthFrame.tsx";
import { safeNext } from "../lib/safeNext.ts";

/** Make an account with e-mail and password; one is logged in afterwards. */
export function RegisterPage() {
  const [params] = useSearchParams();
  const profile = useProfile();
  const register = useRegister();
  const [form, setForm] = useState({ display_name: "", email: "", password: "" });
  const next = safeNext(params.get("next"));
  const here = params.has("next") ? `?${new URLSearchParams({ next })}` : "";
  if (profile.data) return <GoTo path={next} />;
  const fields = register.error ? asProblem(register.error).fields : {};
  const bind = (name: keyof typeof form) => ({
    value: form[name],
    error: fields[name],
    onChange: (event: { currentTarget: { value: string } }) => {
      const value = event.currentTarget.value;
      setForm((now) => ({ ...now, [name]: value }));
    },
  });
  return (
    <AuthFrame
      title="Create an account"
      foot={
        <>
          Already registered?{" "}
          <Link to={`/login${here}`} className="link">
            Log in
          </Link>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          register.mutate(form);
        }}
      >
        <Stack gap={14}>
          <OutsideLogins next={next}>
            <Divider label="or by e-mail" />
          </OutsideLogins>
          <TextInput label="Name" autoComplete="name" autoFocus {...bind("display_name")} />
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            withAsterisk={false}
            {...bind("email")}
          />
          <PasswordInput
            label="Password"
            description="At least 8 characters"
            autoComplete="new-password"
            required
            withAsterisk={false}
            {...bind("password")}
          />
          <ProblemAlert error={register.error} />
          <Button type="submit" loading={register.isPending} fullWidth mt={4}>
            Create account
          </Button>
        </Stack>
      </form>
    </AuthFrame>
  );
}
