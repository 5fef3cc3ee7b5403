/** What is known of one path of a site. */
import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import type { File } from "~/api/queries";
import { bytes, count } from "~/format/numbers";
import { bytesOf, printable } from "~/format/paths";
import { exact } from "~/format/times";
import { FileBadge, lookOf } from "~/parts/FileMark";
import { Icon } from "~/parts/Icon";
import { PathText, Time } from "~/parts/Shown";
import css from "./Files.module.css";

export function Details({ file, site, node, close }: { file: File; site: string; node: string; close: (() => void) | undefined }) {
  const text = printable(bytesOf(file.path_b64));
  const name = text.slice(text.lastIndexOf("/") + 1) || "/";
  const data = file.type !== "directory";
  return (
    <section className={`panel ${css.details}`} aria-label="Details">
      <header><h2 className="clip" title={name}>{name}</h2>{close && <ActionIcon variant="subtle" color="gray" aria-label="Close" onClick={close}><Icon name="close" size={15} /></ActionIcon>}</header>
      <div className="in">
        <p className={css.standing}><FileBadge file={file} /><span className="dim">{lookOf(file).about}</span></p>
        <dl className="facts">
          <dt>Path</dt><dd><PathText base64={file.path_b64} /> <Copy text={text} /></dd>
          {data && <><dt>Size</dt><dd>{bytes(file.size)} <span className="dim">{count(file.size)} bytes</span></dd></>}
          <dt>On disk</dt><dd>{bytes(file.allocated)}{data && file.size > 0 && <span className="dim"> {Math.round((file.allocated / file.size) * 100)}% of its size</span>}</dd>
          {file.target && <><dt>Copy at</dt><dd>{file.target}</dd></>}
          <dt>Modified</dt><dd><Time at={file.modified_at} /><br /><span className="dim">{exact(new Date(file.modified_at))}</span></dd>
          <dt>Rights</dt><dd className="mono">{file.mode} <span className="dim">{lettered(file.mode)}</span></dd>
          <dt>Owner</dt><dd>{file.uid} <span className="dim">group</span> {file.gid}</dd>
          <dt>Seen by</dt><dd>{site}<span className="dim">/</span>{node}</dd>
        </dl>
      </div>
    </section>
  );
}

function Copy({ text }: { text: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => <Tooltip label={copied ? "Copied" : "Copy"}><ActionIcon size="xs" variant="subtle" color="gray" aria-label="Copy the path" onClick={copy}><Icon name={copied ? "check" : "copy"} size={13} /></ActionIcon></Tooltip>}
    </CopyButton>
  );
}

/** `rwxr-x---` of octal permission bits. */
export function lettered(mode: string): string {
  const bits = Number.parseInt(mode, 8);
  return Array.from("rwxrwxrwx", (letter, at) => (bits & (0o400 >> at) ? letter : "-")).join("");
}
