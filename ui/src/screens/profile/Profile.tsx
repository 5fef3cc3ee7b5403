/** Who I am at this hub: what I may do, my password, where I am signed in, my keys. */
import { Button, PasswordInput, Stack, Text, VisuallyHidden } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { asked, hub } from "~/api/client";
import { sessionsQuery } from "~/api/people";
import { sessionQuery, type Me } from "~/api/queries";
import { Opens, Asking } from "~/parts/Asking";
import { Page, Panel } from "~/parts/Page";
import { Time } from "~/parts/Shown";
import { tellDone, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { Keys } from "./Keys";
import css from "./Profile.module.css";
import { faultOf, MEANT } from "./standing";

export function Profile() {
  const me = useQuery(sessionQuery).data;
  if (!me) return <Page title="Profile"><div className="panel"><Waiting /></div></Page>;
  return (
    <Page title="Profile" beside={<Text c="dimmed">{me.user}</Text>}>
      <div className={css.columns}>
        <Panel title="Who I am" padded><WhoIAm me={me} /></Panel>
        <Panel title="Password" padded><Password me={me} /></Panel>
      </div>
      <Keys me={me} />
      <Sessions />
    </Page>
  );
}

function WhoIAm({ me }: { me: Me }) {
  return (
    <dl className="facts">
      <dt>Name</dt><dd><strong>{me.user}</strong></dd>
      <dt>Role</dt><dd>{me.role}</dd>
      <dt>I may</dt>
      <dd>{me.rights.map((right) => <div key={right}><strong>{right}</strong> <span className="dim">{MEANT[right]}</span></div>)}{me.role === "member" && <div className="dim">In the spaces of my groups: what these may.</div>}</dd>
    </dl>
  );
}

function Password({ me }: { me: Me }) {
  const [old, setOld] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const change = useMutation({
    mutationFn: () => asked(hub.PUT("/api/auth/password/", { body: { old_password: old, password } })),
    onSuccess: () => (setOld(""), setPassword(""), setAgain(""), tellDone("Your password is another now. Your other sessions have ended.")),
  });
  const fault = faultOf(password, again);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!fault && password === again) change.mutate();
  };
  const eye = { "aria-label": "Show the password" };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <input type="text" name="username" autoComplete="username" value={me.user} readOnly hidden />
        <PasswordInput label="The one I have" autoComplete="current-password" required value={old} onChange={(event) => setOld(event.currentTarget.value)} visibilityToggleButtonProps={eye} />
        <PasswordInput label="A new one" description="12 characters or more, without my name" autoComplete="new-password" maxLength={128} required value={password} onChange={(event) => setPassword(event.currentTarget.value)} visibilityToggleButtonProps={eye} />
        <PasswordInput label="The same again" autoComplete="new-password" maxLength={128} required value={again} error={fault} onChange={(event) => setAgain(event.currentTarget.value)} visibilityToggleButtonProps={eye} />
        {change.error && <div style={{ margin: "0 calc(-1 * var(--mantine-spacing-md))" }}><Trouble error={change.error} /></div>}
        <div><Button type="submit" loading={change.isPending} disabled={!old || !password || password !== again || fault !== undefined}>Change it</Button></div>
      </Stack>
    </form>
  );
}

function Sessions() {
  const sessions = useQuery(sessionsQuery);
  const client = useQueryClient();
  return (
    <Panel title="Where I am signed in">
      {sessions.isPending ? <Waiting rows={3} /> : !sessions.data ? <Trouble error={sessions.error} again={() => void sessions.refetch()} /> : (
        <div className="scroll">
          <table className="plain">
            <thead><tr><th>Session</th><th>By</th><th>From</th><th>Since</th><th>Last used</th><th>Ends</th><th><VisuallyHidden>Actions</VisuallyHidden></th></tr></thead>
            <tbody>
              {sessions.data.results.map((session) => (
                <tr key={session.id}>
                  <td>{session.id}</td><td>{session.via === "token" ? <Tag tone="busy" word="program" /> : <Tag tone="good" word="browser" />}</td><td className="mono">{session.address}</td>
                  <td><Time at={session.created_at} /></td><td><Time at={session.used_at} /></td><td><Time at={session.expires_at} /></td>
                  <td className="num">
                    <Opens size="compact-xs" label={`End session ${session.id}`} dialog={(close) => (
                      <Asking title={`End session ${session.id}`} verb="End it" danger about="Whoever uses it, from that address, is signed out at once. It may be this one." close={close}
                        ask={() => asked(hub.DELETE("/api/auth/sessions/{session_id}/", { params: { path: { session_id: session.id } } }))}
                        done={() => (close(), tellDone(`Session ${session.id} has ended.`), void client.invalidateQueries())} />
                    )}>End</Opens>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
