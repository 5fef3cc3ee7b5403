/** The code view: CodeMirror, which is read only where somebody edits. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, forceParsing, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, type KeyBinding } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import type { Language, Mark } from "./reading";

const LOOK = EditorView.theme({
  "&": { color: "var(--mantine-color-text)", backgroundColor: "transparent", fontSize: "0.85rem", height: "calc(100dvh - 15rem)", minHeight: "20rem" },
  "&.cm-focused": { outline: "2px solid var(--mantine-color-anchor)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mantine-font-family-monospace)", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--mantine-color-text)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--mantine-color-dimmed)", borderRight: "1px solid var(--tow-line)" },
  ".cm-activeLine": { backgroundColor: "var(--tow-hover)" },
  ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--tow-chosen)" },
  ".cm-tooltip": { backgroundColor: "var(--tow-panel)", color: "var(--mantine-color-text)", border: "1px solid var(--tow-line)", borderRadius: "6px" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--tow-bad)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--tow-bad)", textUnderlineOffset: "3px" },
});

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--mantine-color-anchor)" },
  { tag: [tags.string, tags.content], color: "var(--mantine-color-text)" },
  { tag: [tags.bool, tags.null, tags.keyword, tags.number], color: "var(--tow-good)" },
  { tag: tags.comment, color: "var(--mantine-color-dimmed)", fontStyle: "italic" },
]);

/** Milliseconds that a new line may wait until all above it is read. */
const READ_WITHIN = 1000;

/** Reads up to the new line first: what is not read yet says nothing of how far it stands in, and a step's argument would land beside its step. */
const READ_ON: KeyBinding = {
  key: "Enter",
  run: (editor) => {
    forceParsing(editor, editor.state.selection.main.to, READ_WITHIN);
    return false;
  },
};

interface Coding {
  /** What it begins with. From then on the text is its own: an answer that comes while somebody types would be older than what stands there. */
  start: string;
  language: Language;
  marks: readonly Mark[];
  say: (text: string) => void;
  /** Where the cursor is to go: another object each time. */
  goal: { at: number } | undefined;
}

export default function Code({ start, language, marks, say, goal }: Coding) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const listen = useRef(say);
  listen.current = say;
  useEffect(() => {
    if (!place.current) return undefined;
    const nonce = document.querySelector<HTMLMetaElement>("meta[name=nonce]")?.content ?? "";
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: start,
        extensions: [
          EditorView.cspNonce.of(nonce), lineNumbers(), lintGutter(), history(), drawSelection(), highlightActiveLine(), indentOnInput(), bracketMatching(), indentUnit.of("  "), EditorState.tabSize.of(2),
          // Tab goes on to the next thing, as everywhere: nobody is caught in the editor.
          keymap.of([READ_ON, ...defaultKeymap, ...historyKeymap]), LOOK, syntaxHighlighting(COLOURS), language === "json" ? json() : yaml(),
          EditorView.contentAttributes.of({ "aria-label": "Definition", tabindex: "0" }),
          EditorView.updateListener.of((update) => update.docChanged && listen.current(update.state.doc.toString())),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    const now = view.current;
    if (!now) return;
    const end = now.state.doc.length;
    now.dispatch(setDiagnostics(now.state, marks.map((mark) => ({ from: Math.min(mark.from, end), to: Math.min(mark.to, end), severity: "error" as const, message: mark.place ? `${mark.place}: ${mark.text}` : mark.text }))));
  }, [marks]);
  useEffect(() => {
    const now = view.current;
    if (!now || !goal) return;
    const at = Math.min(goal.at, now.state.doc.length);
    now.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    now.focus();
  }, [goal]);
  return <div ref={place} />;
}
