/** The sign-in page: a name, a password, and back to where one wanted to go. */
import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, redirect, useRouter } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { asked, hub, useToken } from "~/api/client";
import { sessionQuery } from "~/api/queries";
import { Trouble } from "~/parts/Standing";
import { Door } from "~/shell/Door";

/** Where to go afterwards: a screen of this hub, whatever a link says. */
export function placeAfter(to: unknown): string {
  return typeof to === "string" && /^\/(?![/\\])/.test(to) ? to : "/";
}

export const Route = createFileRoute("/sign-in")({
  validateSearch: (search: Record<string, unknown>): { to?: string } => (typeof search.to === "string" ? { to: placeAfter(search.to) } : {}),
  beforeLoad: async ({ context, search }) => {
    if (await context.client.ensureQueryData(sessionQuery)) throw redirect({ href: placeAfter(search.to) });
  },
  component: SignIn,
});

function SignIn() {
  const { to } = Route.useSearch();
  const client = useQueryClient();
  const router = useRouter();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => asked(hub.POST("/api/auth/session/", { body: { username, password } })),
    onSuccess: async (me) => {
      // What they may in spaces is said by the session alone.
      useToken(me.csrf_token);
      await client.fetchQuery({ ...sessionQuery, staleTime: 0 });
      router.history.replace(placeAfter(to));
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    enter.mutate();
  };
  return (
    <Door title="Sign in" about="To this hub, with the name and password that you have here.">
      <form onSubmit={submit}>
        <Stack>
          <TextInput label="Name" name="username" autoComplete="username" required autoFocus value={username} onChange={(event) => setUsername(event.currentTarget.value)} />
          <PasswordInput label="Password" name="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.currentTarget.value)} visibilityToggleButtonProps={{ "aria-label": "Show the password" }} />
          {enter.error && <Trouble error={enter.error} />}
          <Button type="submit" fullWidth loading={enter.isPending}>Sign in</Button>
        </Stack>
      </form>
    </Door>
  );
}
