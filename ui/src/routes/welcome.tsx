/** Where a one-time link leads: the first administrator, and whoever was given one, sets a password. */
import { Button, PasswordInput, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { asked, hub } from "~/api/client";
import { LinkButton } from "~/parts/LinkButton";
import { Trouble } from "~/parts/Standing";
import { linkCode as code } from "~/shell/code";
import { Door } from "~/shell/Door";

const LEAST = 12;
export const Route = createFileRoute("/welcome")({ component: Welcome });

function Welcome() {
  const [first, setFirst] = useState("");
  const [again, setAgain] = useState("");
  const set = useMutation({ mutationFn: () => asked(hub.POST("/api/auth/password/", { body: { code, password: first } })) });
  const differ = again !== "" && again !== first;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (first === again) set.mutate();
  };
  if (!code) return <Door title="Set a password" about="This page needs the code of a link: ask an administrator for one (towpath user link NAME)."><LinkButton to="/sign-in" variant="default" fullWidth>Sign in</LinkButton></Door>;
  if (set.data) {
    return (
      <Door title="Your password is set" about={`You can sign in as ${set.data.username}.`}>
        <LinkButton to="/sign-in" fullWidth>Sign in</LinkButton>
      </Door>
    );
  }
  return (
    <Door title="Set a password" about="For your account at this hub. The link works once.">
      <form onSubmit={submit}>
        <Stack>
          <PasswordInput label="New password" description={`${LEAST} characters or more`} autoComplete="new-password" minLength={LEAST} maxLength={128} required autoFocus value={first} onChange={(event) => setFirst(event.currentTarget.value)} />
          <PasswordInput label="The same again" autoComplete="new-password" maxLength={128} required value={again} error={differ && "The two differ"} onChange={(event) => setAgain(event.currentTarget.value)} />
          {set.error && <Trouble error={set.error} />}
          <Button type="submit" fullWidth loading={set.isPending} disabled={differ}>Set the password</Button>
          <Text size="xs" c="dimmed">Whoever is signed in with this account is signed out.</Text>
        </Stack>
      </form>
    </Door>
  );
}
