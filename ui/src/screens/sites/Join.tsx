/** Tokens with which nodes join a site: made and shown once with the line to paste, listed, revoked. */
import { TextInput, VisuallyHidden } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub, type Schemas } from "~/api/client";
import { tokensQuery, type JoinToken } from "~/api/places";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Copied, Once } from "~/parts/Once";
import { Panel } from "~/parts/Page";
import { Time } from "~/parts/Shown";
import { Empty, tellDone, Trouble, Waiting } from "~/parts/Standing";
import { Tag, type Tone } from "~/parts/Tag";
import { momentOf, When } from "./changes";
import { joinLine } from "./standing";

const TONES: Readonly<Record<JoinToken["state"], Tone>> = { open: "busy", used: "good", expired: "still", revoked: "still" };

/** The button, the questions, and then the token, this once. */
export function JoinButton({ site, variant = "default", size = "sm" }: { site: string; variant?: "default" | "filled"; size?: "xs" | "sm" }) {
  const [made, setMade] = useState<Schemas["MadeJoinToken"]>();
  return (
    <>
      <Opens variant={variant} size={size} icon={<Icon name="plus" size={15} />} dialog={(close) => <TokenDialog site={site} close={close} made={(token) => (close(), setMade(token))} />}>Join a node</Opens>
      {made && <Shown token={made} close={() => setMade(undefined)} />}
    </>
  );
}

function TokenDialog({ site, close, made }: { site: string; close: () => void; made: (token: Schemas["MadeJoinToken"]) => void }) {
  const [node, setNode] = useState("");
  const [until, setUntil] = useState("");
  const client = useQueryClient();
  return (
    <Asking title={`Join a node to ${site}`} verb="Make the token" close={close} about="A token lets one node of another machine join, once. Whoever has it can use it: carry it as you would a password."
      ask={() => asked(hub.POST("/api/join/tokens/", { body: { site, node: node.trim() || null, expires_at: momentOf(until) } }))}
      done={(token) => (void client.invalidateQueries({ queryKey: ["sites", site] }), made(token))}>
      <TextInput label="Only for a node named" description="Left empty, the node brings its own name" placeholder="files1" data-autofocus value={node} onChange={(event) => setNode(event.currentTarget.value)} />
      <When label="Until" hint="Left empty, for an hour; 30 days at most" value={until} set={setUntil} />
    </Asking>
  );
}

function Shown({ token, close }: { token: Schemas["MadeJoinToken"]; close: () => void }) {
  return (
    <Once title={`Token ${token.id} for ${token.site}`} close={close} about={<>Shown this once. It works once, and ends <Time at={token.expires_at} />. On the other machine, with the directory that it is to serve in place of <span className="mono">DIR</span>:</>}
      secrets={[{ name: "Line to paste", text: joinLine(token.token) }]}>
      <details><summary>The token alone, for TOWPATH_JOIN</summary><Copied name="Token" text={token.token} /></details>
    </Once>
  );
}

export function Tokens({ site }: { site: string }) {
  const tokens = useQuery(tokensQuery(site));
  const client = useQueryClient();
  const gone = (id: number): void => {
    tellDone(`Token ${id} opens nothing any more.`);
    void client.invalidateQueries({ queryKey: ["sites", site] });
  };
  return (
    <Panel title="Join tokens" actions={<JoinButton site={site} size="xs" />}>
      {tokens.isPending ? <Waiting rows={2} /> : !tokens.data ? <Trouble error={tokens.error} again={() => void tokens.refetch()} />
        : tokens.data.results.length === 0 ? <Empty icon="key" title="No token yet">A node on another machine joins with a token that is made here and works once.</Empty>
        : (
          <div className="scroll">
            <table className="plain">
              <thead><tr><th>Token</th><th>State</th><th>For node</th><th>Made by</th><th>Until</th><th><VisuallyHidden>Actions</VisuallyHidden></th></tr></thead>
              <tbody>
                {tokens.data.results.slice(0, 50).map((token) => (
                  <tr key={token.id}>
                    <td>{token.id}</td><td><Tag tone={TONES[token.state]} word={token.state} /></td><td>{token.used_by ?? token.node ?? "any"}</td><td>{token.made_by}</td><td><Time at={token.expires_at} /></td>
                    <td className="num">{token.state === "open" && (
                      <Opens size="compact-xs" label={`Revoke token ${token.id}`} dialog={(close) => (
                        <Asking title={`Revoke token ${token.id}`} verb="Revoke it" danger about="Nobody can join with it any more. Nodes that have joined stay." close={close}
                          ask={() => asked(hub.DELETE("/api/join/tokens/{token_id}/", { params: { path: { token_id: token.id } } }))} done={() => (gone(token.id), close())} />
                      )}>Revoke</Opens>
                    )}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
    </Panel>
  );
}
