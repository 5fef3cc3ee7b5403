/** What lies at a path and how it stands, known by shape, colour and word. */
import type { Schemas } from "~/api/client";
import css from "./State.module.css";

type Tone = "still" | "busy" | "good" | "bad" | "warn";
export type File = Schemas["File"];

interface Look {
  word: string;
  tone: Tone;
  shape: string;
  about: string;
  filled?: boolean;
}

/** On a field of 16 by 16. What a file's state means is said in docs/stubs.md. */
const STATES: Readonly<Record<string, Look>> = {
  resident: { word: "Resident", tone: "still", shape: "M4 1.500h5L12.500 5v9.500H4zM9 1.500V5h3.500", about: "All its data is here, and no copy is known." },
  premigrated: { word: "Premigrated", tone: "good", shape: "M4 1.500h5L12.500 5v9.500H4zM6 9.500l1.600 1.700L10.500 8", about: "All its data is here, and a verified copy is at the target." },
  modified: { word: "Modified", tone: "warn", shape: "M4 1.500h5L12.500 5v9.500H4zM6.500 11.500l.3-1.700 3-3 1.400 1.400-3 3z", about: "Its data is here, and differs from the copy at the target." },
  offline: { word: "Offline", tone: "busy", shape: "M4.500 12.500a3 3 0 0 1-.3-6A4 4 0 0 1 12 6.800a2.900 2.900 0 0 1-.5 5.700z", about: "A stub: its data is at the target, and is brought back when it is read." },
  edited: { word: "Edited", tone: "bad", shape: "M4.500 12.500a3 3 0 0 1-.3-6A4 4 0 0 1 12 6.800a2.900 2.900 0 0 1-.5 5.700zM8 7v2.500M8 11v.01", about: "A stub that was written to: neither it nor its copy is the whole truth." },
  interrupted: { word: "Interrupted", tone: "warn", shape: "M8 2.500L14.500 13.500h-13zM8 6.500v3M8 11.500v.01", about: "Whoever freed its data was stopped: the target has all of it." },
  foreign: { word: "Foreign", tone: "warn", shape: "M4 1.500h5L12.500 5v9.500H4zM6 7l4.500 4.500M10.500 7L6 11.500", about: "Its mark was not made by this site for this very file: nothing trusts it." },
};

const TYPES: Readonly<Record<File["type"], Look>> = {
  directory: { word: "Directory", tone: "busy", shape: "M1.500 4V3h4.500l1.500 1.800h7v8.700h-13z", about: "A directory.", filled: true },
  symlink: { word: "Symlink", tone: "still", shape: "M3 12.500c0-4 3-6.500 8.500-6.500M8.500 3l3.500 3-3.500 3", about: "A symbolic link." },
  other: { word: "Other", tone: "still", shape: "M8 2l5.500 3v6L8 14l-5.500-3V5z", about: "Neither file, directory nor symbolic link." },
  file: { word: "File", tone: "still", shape: "M4 1.500h5L12.500 5v9.500H4z", about: "A file of which the node cannot say how it stands." },
};

/** How something stands, by its state where it has one, else by what it is. */
export function lookOf(file: Pick<File, "type" | "state">): Look {
  return (file.state && STATES[file.state]) || (file.state ? { ...TYPES.file, word: file.state } : TYPES[file.type]);
}

export function FileMark({ file, size = 16 }: { file: Pick<File, "type" | "state">; size?: number }) {
  const look = lookOf(file);
  return (
    <svg className={css[look.tone]} width={size} height={size} viewBox="0 0 16 16" fill={look.filled ? "currentColor" : "none"} fillOpacity={look.filled ? 0.18 : undefined} stroke="currentColor" strokeWidth="1.400" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" style={{ flex: "none" }}>
      <path d={look.shape} />
    </svg>
  );
}

export function FileBadge({ file }: { file: Pick<File, "type" | "state"> }) {
  const look = lookOf(file);
  return <span className={`${css.badge} ${css[look.tone]}`} title={look.about} data-standing={file.state ?? file.type}><FileMark file={file} size={14} />{look.word}</span>;
}
